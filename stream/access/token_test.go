package access

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTokens(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "argos")
	tokens, err := OpenTokens(dir)
	if err != nil || len(tokens.List()) != 0 {
		t.Fatalf("%v, %v", tokens.List(), err)
	}
	secret, desk, err := tokens.Add(Viewer, "desk", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := tokens.Add(Admin, "desk", 0); err == nil {
		t.Error("a name twice")
	}
	for _, name := range []string{"", "a b", "-x", "x\x1b[2J", "é", strings.Repeat("x", 65)} {
		if _, _, err := tokens.Add(Viewer, name, 0); err == nil {
			t.Errorf("a token named %q", name)
		}
	}
	if got, err := tokens.Check(secret); err != nil || got.Name != "desk" || got.Role != Viewer || !strings.Contains(secret, got.ID) {
		t.Errorf("%+v, %v", got, err)
	}
	file := filepath.Join(dir, "tokens")
	stored, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(stored), strings.Split(secret, "-")[2]) {
		t.Errorf("the secret is stored: %s, %v", stored, err)
	}
	for _, wrong := range []string{"", "argos-", desk.ID, secret[:len(secret)-1] + "x", secret + "a", strings.ToUpper(secret), " " + secret} {
		if wrong == secret {
			continue
		}
		if _, err := tokens.Check(wrong); err == nil {
			t.Errorf("%q is let in", wrong)
		}
	}
	// Another process revokes it.
	other, err := OpenTokens(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Revoke("nobody"); err == nil {
		t.Error("revoked what there is not")
	}
	if _, err := other.Revoke(desk.ID); err != nil {
		t.Fatal(err)
	}
	if err := tokens.Still(&desk); err != nil {
		t.Errorf("before it looks: %v", err)
	}
	if changed, err := tokens.Refresh(); !changed || err != nil {
		t.Errorf("%t, %v", changed, err)
	}
	if _, err := tokens.Check(secret); err == nil || tokens.Still(&desk) == nil {
		t.Error("a revoked token is let in")
	}
}

func TestTokenExpires(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "argos")
	synctest.Test(t, func(t *testing.T) {
		tokens, err := OpenTokens(dir)
		if err != nil {
			t.Fatal(err)
		}
		secret, token, err := tokens.Add(Operator, "shift", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(token.Expires) - time.Millisecond)
		if _, err := tokens.Check(secret); err != nil || tokens.Still(&token) != nil || !tokens.usable() {
			t.Errorf("a good token: %v", err)
		}
		time.Sleep(time.Millisecond)
		if _, err := tokens.Check(secret); err == nil || tokens.Still(&token) == nil || tokens.usable() {
			t.Errorf("an expired token is good")
		}
	})
}

// A line that cannot be read lets nobody in and keeps nobody else out; a server does not
// start with one.
func TestDamagedTokens(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "argos")
	tokens, err := OpenTokens(dir)
	if err != nil {
		t.Fatal(err)
	}
	one, first, err := tokens.Add(Viewer, "one", 0)
	if err != nil {
		t.Fatal(err)
	}
	two, _, err := tokens.Add(Viewer, "two", 0)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "tokens")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	damaged := strings.Replace(string(data), first.ID+" viewer", first.ID+" vieweroperator", 1)
	if err := os.WriteFile(file, []byte(damaged), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Refresh(); err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("%v", err)
	}
	if _, err := tokens.Check(one); err == nil {
		t.Error("a damaged token is let in")
	}
	if _, err := tokens.Check(two); err != nil {
		t.Errorf("a good one is not: %v", err)
	}
	if _, err := OpenTokens(dir); err == nil {
		t.Error("a server starts with it")
	}
	if _, _, err := tokens.Add(Viewer, "three", 0); err == nil {
		t.Error("a damaged file is written over")
	}
}

// Two processes that add tokens at once lose none.
func TestTokensAddedAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "argos")
	done := make(chan error)
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for _, name := range names {
		go func() {
			tokens, err := OpenTokens(dir)
			if err == nil {
				_, _, err = tokens.Add(Viewer, name, 0)
			}
			done <- err
		}()
	}
	for range names {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	tokens, err := OpenTokens(dir)
	if err != nil || len(tokens.List()) != len(names) {
		t.Errorf("%d tokens, %v", len(tokens.List()), err)
	}
}

func TestParseLasts(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"30d": 30 * 24 * time.Hour, "12h": 12 * time.Hour, "5m": 5 * time.Minute, "1s": time.Second, "never": 0,
		"": -1, "0d": -1, "-3d": -1, "d": -1, "3": -1, "1.5h": -1, "9999999d": -1,
	} {
		if got, err := ParseLasts(in); err == nil && got != want || (err != nil) != (want < 0) {
			t.Errorf("%q is %v, %v", in, got, err)
		}
	}
}

func TestRoles(t *testing.T) {
	roles := []Role{0, Viewer, Operator, Admin}
	for i, r := range roles {
		for j, least := range roles {
			if want := least > 0 && i >= j; r.May(least) != want {
				t.Errorf("%s may do what takes %s: %t", r, least, !want)
			}
		}
		if got, err := ParseRole(r.String()); i > 0 && (got != r || err != nil) || i == 0 && err == nil {
			t.Errorf("%s is read as %s, %v", r, got, err)
		}
	}
}

// FuzzTokens: what can be read is written as it was read, and each token of it once.
func FuzzTokens(f *testing.F) {
	_, token, err := newToken(Operator, "desk", time.Unix(1e9, 0), time.Unix(2e9, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(formatTokens([]Token{token}))
	token.Expires = time.Time{}
	f.Add(formatTokens([]Token{token, token}))
	f.Add([]byte("a viewer b c d e\n# x\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, _ := parseTokens(data)
		again, err := parseTokens(formatTokens(all))
		if err != nil || len(again) != len(all) {
			t.Fatalf("%d tokens, then %d: %v", len(all), len(again), err)
		}
		for i := range all {
			a, b := all[i], again[i]
			if a.line() != b.line() || a.Role.May(Admin) != b.Role.May(Admin) || !a.Role.May(Viewer) {
				t.Fatalf("%s became %s", a.line(), b.line())
			}
			if slices.ContainsFunc(all[:i], func(o Token) bool { return o.ID == a.ID }) {
				t.Fatalf("%s twice", a.ID)
			}
			if strings.ContainsFunc(a.line(), func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }) {
				t.Fatalf("%q", a.line())
			}
		}
	})
}
