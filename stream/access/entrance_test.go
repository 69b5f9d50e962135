package access

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhoMayListenWhere(t *testing.T) {
	for _, c := range []struct {
		name    string
		options EntranceOptions
		bad     bool
		tls     bool
	}{
		{name: "loopback", options: EntranceOptions{Address: "127.0.0.1:8470"}},
		{name: "localhost", options: EntranceOptions{Address: "localhost:8470"}},
		{name: "IPv6", options: EntranceOptions{Address: "[::1]:8470"}},
		{name: "everywhere", options: EntranceOptions{Address: "0.0.0.0:8470"}, tls: true},
		{name: "everywhere in short", options: EntranceOptions{Address: ":8470"}, tls: true},
		{name: "everywhere by IPv6", options: EntranceOptions{Address: "[::]:8470"}, tls: true},
		{name: "one address", options: EntranceOptions{Address: "192.0.2.1:8470"}, tls: true},
		{name: "a name", options: EntranceOptions{Address: "box:8470"}, tls: true},
		{name: "insecure", options: EntranceOptions{Address: "0.0.0.0:8470", Insecure: true}},
		{name: "no port", options: EntranceOptions{Address: "127.0.0.1"}, bad: true},
		{name: "nonsense", options: EntranceOptions{Address: "nowhere"}, bad: true},
		{name: "insecure for nobody", options: EntranceOptions{Address: "127.0.0.1:8470", Insecure: true}, bad: true},
		{name: "insecure with tokens", options: EntranceOptions{Address: "0.0.0.0:8470", Insecure: true, RequireToken: true}, bad: true},
		{name: "half a certificate", options: EntranceOptions{Address: "0.0.0.0:8470", CertFile: "x"}, bad: true},
		{name: "no proxy", options: EntranceOptions{Address: "127.0.0.1:8470", Proxies: []string{"box"}}, bad: true},
		{name: "no origin", options: EntranceOptions{Address: "127.0.0.1:8470", Origins: []string{"box"}}, bad: true},
		{name: "an origin with a path", options: EntranceOptions{Address: "127.0.0.1:8470", Origins: []string{"https://box/x"}}, bad: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.options.Dir = filepath.Join(t.TempDir(), "argos")
			e, err := NewEntrance(c.options)
			if c.bad {
				if !errors.Is(err, ErrOptions) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Prepare(); err != nil {
				t.Fatal(err)
			}
			if (e.TLS != nil) != c.tls || e.Policy.Insecure != c.options.Insecure || (len(e.made) == 2) != c.tls {
				t.Errorf("TLS %t, %+v", e.TLS != nil, e.Policy)
			}
			if _, err := os.Stat(c.options.Dir); (err == nil) != c.tls {
				t.Errorf("directory: %v", err)
			}
		})
	}
}

// What is wrong with its files, and the two commands that it says to run.
func TestRefusesToStart(t *testing.T) {
	everywhere := EntranceOptions{Address: "0.0.0.0:8470"}
	for _, c := range []struct {
		name  string
		as    EntranceOptions // the second start
		spoil func(t *testing.T, dir string)
		step  string // the first command, D for the directory
	}{
		{"others may read the directory", everywhere, func(t *testing.T, dir string) { chmod(t, dir, 0o755) }, "chmod 700 D"},
		{"others may read the key", everywhere, func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "server.key"), 0o644) }, "chmod 600 D/server.key"},
		{"others may write tokens", everywhere, func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "tokens"), 0o620) }, "chmod 600 D/tokens"},
		{"others may write tokens, on loopback", EntranceOptions{Address: "127.0.0.1:8470"}, func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "tokens"), 0o620) }, "chmod 600 D/tokens"},
		{"others may read the journal", EntranceOptions{Address: "0.0.0.0:8470", Insecure: true}, func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "journal"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}, "chmod 600 D/journal"},
		{"all tokens revoked", everywhere, func(t *testing.T, dir string) {
			tokens, err := OpenTokens(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"operator", "viewer"} {
				if _, err := tokens.Revoke(name); err != nil {
					t.Fatal(err)
				}
			}
		}, "argos-tui token add --role operator --name operator"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "argos")
			start := func(o EntranceOptions) error {
				o.Dir, o.Again = dir, "argos-tui --again"
				e, err := NewEntrance(o)
				if err == nil {
					err = e.Prepare()
				}
				return err
			}
			if err := start(everywhere); err != nil {
				t.Fatal(err)
			}
			c.spoil(t, dir)
			err := start(c.as)
			var no *RefusedError
			if !errors.As(err, &no) || len(no.Steps) != 2 || no.Steps[0] != strings.Replace(c.step, "D", dir, 1) || no.Steps[1] != "argos-tui --again" {
				t.Fatalf("%v", err)
			}
		})
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// A second start keeps what the first made, and shows no token.
func TestSecondStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "argos")
	start := func(keeps bool) (*Entrance, string) {
		e, err := NewEntrance(EntranceOptions{Address: "0.0.0.0:8470", Dir: dir, KeepsOutput: keeps})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Prepare(); err != nil {
			return nil, err.Error()
		}
		var said strings.Builder
		e.Welcome(&said)
		return e, said.String()
	}
	if e, said := start(true); e != nil || !strings.Contains(said, "argos-tui token add") {
		t.Errorf("tokens into a log: %s", said)
	}
	first, said := start(false)
	if first == nil || !strings.Contains(said, first.Fingerprint) || strings.Count(said, tokenPrefix) < 2 ||
		!strings.Contains(said, "argos-tui --connect wss://"+hostName()+":8470") {
		t.Fatalf("%s", said)
	}
	if again, said := start(false); again == nil || again.Fingerprint != first.Fingerprint || said != "" {
		t.Errorf("second start: %s", said)
	}
	for _, name := range []string{".", "server.key", "server.crt", "tokens", "lock"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := private(name, info); err != nil {
			t.Error(err)
		}
	}
}
