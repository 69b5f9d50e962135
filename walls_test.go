// Package argos_test holds the one test that belongs to no room: that the walls stand.
package argos_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A room is a package with everything below it, and what it may import of ours.
// Data flows device → spectrum → stream → views, and imports point only backwards.
type room struct {
	path string
	// in lists what the code of the room may import: exact paths, or a path with /...
	// for a package and everything below it.
	in []string
	// inTests lists what its tests may import on top of that.
	inTests []string
}

// rooms is in order of search: the first that holds a package rules it.
var rooms = []room{
	{path: "argos/atomicfile"},
	{path: "argos/device/hackrf/emulator"}, // a helper of tests
	{path: "argos/device", in: []string{"argos/device"}, inTests: []string{"argos/device/hackrf/emulator"}},
	{
		path: "argos/spectrum", in: []string{"argos/atomicfile", "argos/device", "argos/spectrum/..."},
		inTests: []string{"argos/device/..."},
	},
	{
		path: "argos/stream", in: []string{"argos/atomicfile", "argos/device", "argos/spectrum", "argos/stream/..."},
		inTests: []string{"argos/device/..."},
	},
	{
		path: "argos/views", in: []string{"argos/atomicfile", "argos/device", "argos/spectrum", "argos/stream", "argos/views/..."},
		inTests: []string{"argos/device/..."},
	},
	{path: "argos/cmd", in: []string{"argos/device/...", "argos/spectrum", "argos/stream", "argos/stream/access", "argos/stream/load", "argos/views"}},
	{path: "argos/e2e", inTests: []string{"argos/device/hackrf/emulator"}}, // drives the program from outside
}

// A guarded module may be used by one room only, neither directly nor by way of
// another module.
type guarded struct{ module, by string }

var guardedModules = []guarded{
	{"github.com/rivo/tview", "argos/views"},
	{"github.com/gdamore/tcell", "argos/views"},
	{"github.com/coder/websocket", "argos/stream"},
	{"github.com/nats-io", "argos/stream"},
	{"github.com/ebitengine/purego", "argos/device/hackrf"},
}

// A listed is a package as go list describes it.
type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func TestWalls(t *testing.T) {
	// go test keeps a result for as long as the files that the test opened stay the same.
	// go list opens them in another process, so we open them here.
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".go" {
			_, err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	list := exec.Command("go", "list", "-deps", "-test", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	var stderr strings.Builder
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var pkgs []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		pkgs = append(pkgs, p)
	}
	for _, b := range breaches(pkgs) {
		t.Error(b)
	}
}

// TestBreaches shows that the checker sees what it is there for.
func TestBreaches(t *testing.T) {
	pkg := func(path string, imports ...string) listed { return listed{ImportPath: path, Imports: imports} }
	for _, tc := range []struct {
		name string
		pkgs []listed
		want string // part of the only breach; empty: none
	}{
		{
			name: "the whole way backwards",
			pkgs: []listed{
				pkg("argos/device", "errors"),
				pkg("argos/device/hackrf", "argos/device", "github.com/ebitengine/purego"),
				pkg("argos/spectrum", "argos/device"),
				pkg("argos/stream", "argos/spectrum", "argos/device", "argos/stream/wire", "github.com/coder/websocket"),
				pkg("argos/views", "argos/stream", "argos/spectrum", "argos/device", "github.com/rivo/tview", "github.com/gdamore/tcell/v2"),
				pkg("argos/cmd/argos-tui", "argos/device/hackrf", "argos/spectrum", "argos/stream", "argos/views"),
			},
		},
		{name: "device looks ahead", pkgs: []listed{pkg("argos/device", "argos/spectrum")}, want: "argos/device imports argos/spectrum"},
		{name: "one driver uses another", pkgs: []listed{pkg("argos/device/synth", "argos/device/replay")}, want: "argos/device/synth imports argos/device/replay"},
		{name: "spectrum knows a driver", pkgs: []listed{pkg("argos/spectrum", "argos/device/synth")}, want: "imports argos/device/synth"},
		{name: "spectrum looks ahead", pkgs: []listed{pkg("argos/spectrum", "argos/stream")}, want: "imports argos/stream"},
		{name: "stream looks ahead", pkgs: []listed{pkg("argos/stream", "argos/views")}, want: "imports argos/views"},
		{name: "views read the wire", pkgs: []listed{pkg("argos/views", "argos/stream/wire")}, want: "imports argos/stream/wire"},
		{name: "nobody imports a command", pkgs: []listed{pkg("argos/views", "argos/cmd/argos-tui")}, want: "imports argos/cmd/argos-tui"},
		{name: "e2e looks inside", pkgs: []listed{pkg("argos/e2e", "argos/stream")}, want: "argos/e2e imports argos/stream"},
		{name: "a package outside every room", pkgs: []listed{pkg("argos/util")}, want: "argos/util stands in no room"},
		{name: "a screen in stream", pkgs: []listed{pkg("argos/stream", "github.com/gdamore/tcell/v2/terminfo")}, want: "only argos/views may"},
		{name: "a screen in cmd", pkgs: []listed{pkg("argos/cmd/argos-tui", "github.com/rivo/tview")}, want: "only argos/views may"},
		{name: "a socket in views", pkgs: []listed{pkg("argos/views", "github.com/coder/websocket")}, want: "only argos/stream may"},
		{name: "NATS in cmd", pkgs: []listed{pkg("argos/cmd/argos-tui", "github.com/nats-io/nats.go")}, want: "only argos/stream may"},
		{name: "purego beside its room", pkgs: []listed{pkg("argos/device/hackrfx", "github.com/ebitengine/purego")}, want: "only argos/device/hackrf may"},
		{
			name: "a screen by way of another module",
			pkgs: []listed{
				pkg("argos/stream", "example.org/a"), pkg("example.org/a", "example.org/b"),
				pkg("example.org/b", "github.com/rivo/tview", "example.org/a"),
			},
			want: "argos/stream imports github.com/rivo/tview by example.org/a, example.org/b",
		},
		{
			name: "tests may use a driver",
			pkgs: []listed{{ImportPath: "argos/stream", XTestImports: []string{"argos/stream", "argos/device/synth"}}},
		},
		{
			name: "tests may not look ahead",
			pkgs: []listed{{ImportPath: "argos/spectrum", TestImports: []string{"argos/stream"}}},
			want: "tests of argos/spectrum import argos/stream",
		},
		{
			name: "tests keep to the guarded modules",
			pkgs: []listed{{ImportPath: "argos/device", XTestImports: []string{"github.com/coder/websocket"}}},
			want: "tests of argos/device import github.com/coder/websocket",
		},
		{
			name: "test binaries are not packages of ours",
			pkgs: []listed{pkg("argos/spectrum.test", "argos/views"), pkg("argos/spectrum [argos/spectrum.test]", "argos/views")},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := breaches(tc.pkgs)
			if tc.want == "" {
				if len(got) > 0 {
					t.Errorf("breaches = %q, want none", got)
				}
				return
			}
			if len(got) != 1 || !strings.Contains(got[0], tc.want) {
				t.Errorf("breaches = %q, want one with %q", got, tc.want)
			}
		})
	}
}

// breaches says in words which import goes through which wall.
func breaches(pkgs []listed) []string {
	known := make(map[string]listed, len(pkgs))
	for _, p := range pkgs {
		known[p.ImportPath] = p
	}
	var found []string
	for _, p := range pkgs {
		if !ours(p.ImportPath) || p.ImportPath == "argos" {
			continue
		}
		i := slices.IndexFunc(rooms, func(r room) bool { return below(p.ImportPath, r.path) })
		if i < 0 {
			found = append(found, p.ImportPath+" stands in no room: say in walls_test.go what it may import")
			continue
		}
		may := rooms[i].in
		found = append(found, check(known, p.ImportPath, p.ImportPath+" imports ", p.Imports, may)...)
		mayTests := slices.Concat(may, rooms[i].inTests, []string{p.ImportPath})
		who := "tests of " + p.ImportPath + " import "
		found = append(found, check(known, p.ImportPath, who, p.TestImports, mayTests)...)
		found = append(found, check(known, p.ImportPath, who, p.XTestImports, mayTests)...)
	}
	return found
}

// check looks at the imports of one package, and at what comes with those not ours.
func check(known map[string]listed, path, who string, imports, may []string) []string {
	var found []string
	seen := make(map[string]bool)
	var walk func(imports []string, by []string)
	walk = func(imports, by []string) {
		for _, imp := range imports {
			if seen[imp] {
				continue
			}
			seen[imp] = true
			way := ""
			if len(by) > 0 {
				way = " by " + strings.Join(by, ", ")
			}
			if ours(imp) {
				if !slices.ContainsFunc(may, func(m string) bool { return matches(imp, m) }) {
					found = append(found, who+imp+way)
				}
				continue // answers for itself
			}
			for _, g := range guardedModules {
				if below(imp, g.module) && !below(path, g.by) {
					found = append(found, fmt.Sprintf("%s%s%s: only %s may", who, imp, way, g.by))
				}
			}
			if !slices.ContainsFunc(guardedModules, func(g guarded) bool { return below(imp, g.module) }) {
				walk(known[imp].Imports, append(slices.Clip(by), imp))
			}
		}
	}
	walk(imports, nil)
	return found
}

// ours leaves out what go list -test adds: test binaries and packages rebuilt for them.
func ours(path string) bool {
	return below(path, "argos") && !strings.HasSuffix(path, ".test") && !strings.Contains(path, " ")
}

func matches(path, pattern string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return below(path, base)
	}
	return path == pattern
}

func below(path, base string) bool { return path == base || strings.HasPrefix(path, base+"/") }
