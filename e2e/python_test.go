package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// python is Debian's, which has Debian's packages: python3-websockets.
const python = "/usr/bin/python3"

// protocolCode is the Python of docs/PROTOCOL.md: how powers are unpacked, how the chain
// of events is followed, and the client of the appendix; and the worked bytes of powers.
func protocolCode(t *testing.T) (unpack, follow, client string, worked []string) {
	t.Helper()
	page, err := os.ReadFile("../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```python\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	for _, m := range regexp.MustCompile(`(?m)^    ((?:[0-9A-F]{2} *)+)$`).FindAllStringSubmatch(string(page), -1) {
		worked = append(worked, m[1])
	}
	if len(blocks) != 3 || len(worked) != 3 {
		t.Fatalf("%d blocks of Python and %d lines of worked bytes, want 3 and 3", len(blocks), len(worked))
	}
	return blocks[0][1], blocks[1][1], blocks[2][1], worked
}

// runPython runs code until it ends by itself.
func runPython(t *testing.T, code string, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "client.py")
	if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*startup)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, append([]string{file}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("python: %v\n%s", err, out)
	}
	return string(out)
}

// TestPythonClient: who has read docs/PROTOCOL.md alone can write a client.
func TestPythonClient(t *testing.T) {
	t.Parallel()
	_, _, client, _ := protocolCode(t)
	addr := freeAddr(t)
	serve(t, addr, "--device", lightRadio(t))
	out := runPython(t, client, "ws://"+addr, "bins=256")
	_, after, answered := strings.Cut(out, "done\n")
	for _, want := range []string{"epoch ", ": 512 bins, ", "event 1 device: "} {
		if !strings.Contains(out, want) {
			t.Errorf("nothing said of %q", want)
		}
	}
	if !answered || !strings.Contains(after, ": 256 bins, ") || !strings.HasSuffix(after, "the new grid is there\n") {
		t.Error("no answer, or no new grid after it")
	}
	if t.Failed() {
		t.Log(out)
	}
}

// TestPythonUnpack: Python reads the worked bytes as the text around them says.
func TestPythonUnpack(t *testing.T) {
	t.Parallel()
	unpack, _, _, worked := protocolCode(t)
	out := runPython(t, "import struct, sys, zlib\nfrom types import SimpleNamespace as Of\n"+unpack+`
codes, holes, packed = map(bytes.fromhex, sys.argv[1:])
weights, packed = packed[:3], packed[3:]
assert zlib.decompress(packed, wbits=-15) == codes
def steps(packed, bins, least):
    return [list(powers.values()) for powers in unpack(Of(packed=weights + packed, segments=[Of(bin=0, bins=bins)], grid=Of(min=least)))]
def levels(packed, least):
    return [[q * 0.5 for q in powers] for powers in steps(packed, 3, least)]
def pack(codes):
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(codes) + deflate.flush()
print(levels(packed, False))
print(levels(pack(codes + bytes.fromhex("0A 02 04")), True))
print(steps(pack(holes + bytes.fromhex("0A 00 00 0A")), 4, False))
`, worked...)
	want := "[[-80.0, -79.0, -90.0], [-78.0, -79.0, -20.0], []]\n[[-80.0, -79.0, -90.0], [-78.0, -79.0, -20.0], [-85.0, -80.0, -92.0]]\n" +
		"[[-160, -32768, -32768, -160], [-150, -32768, -32768, -150], []]\n"
	if out != want {
		t.Errorf("Python unpacks %q, want %q", out, want)
	}
}

// TestPythonReadsGolden: Python unpacks the frames that every version has to read.
func TestPythonReadsGolden(t *testing.T) {
	t.Parallel()
	unpack, _, _, _ := protocolCode(t)
	frames, err := filepath.Abs("../stream/testdata/v1")
	if err != nil {
		t.Fatal(err)
	}
	out := runPython(t, "import base64, glob, json, struct, sys, zlib\nfrom types import SimpleNamespace as Of\n"+unpack+`
files = glob.glob(sys.argv[1] + "/*.json")
for file in files:
    want = json.load(open(file))
    least = want.get("min")
    frame = Of(packed=base64.b64decode(want["packed"]), grid=Of(min=least is not None), segments=[Of(bin=b, bins=n) for b, n in want["segments"] or []])
    for got, powers in zip(unpack(frame), (want["mean"], want["max"], least or [])):
        for i, power in enumerate(powers):
            assert got.get(i, -32768) == power, (file, i)
print(len(files) > 9)
`, frames)
	if out != "True\n" {
		t.Errorf("Python says %q", out)
	}
}

// TestPythonChain: Python follows the worked chain as the text around it says.
func TestPythonChain(t *testing.T) {
	t.Parallel()
	_, follow, _, _ := protocolCode(t)
	page, err := os.ReadFile("../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	out := runPython(t, "import hashlib, re, sys\n"+follow+`
worked = {k: bytes.fromhex(v) for k, v in re.findall(r"(?m)^((?:h|stored) \d) +([0-9A-F ]+)$", sys.argv[1])}
assert worked["h 0"] == hashlib.sha256(b"EXAMPLE").digest()[:16]
for n in 1, 2:
    assert follow(worked[f"h {n - 1}"], n, worked[f"stored {n}"]) == worked[f"h {n}"]
print(len(worked))
`, string(page))
	if out != "5\n" {
		t.Errorf("Python says %q", out)
	}
}
