package access

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"argos/atomicfile"
)

// Tokens are the tokens that a server takes, as they stand in a file. All methods may be
// called from any goroutine; other processes may change the file meanwhile, which
// Refresh takes up.
type Tokens struct {
	dir, path string

	mu   sync.RWMutex
	all  []Token
	byID map[string]*Token
	read stamp
}

// OpenTokens reads the tokens in dir, of which there may be none. A file with a line
// that cannot be read, or that others may read, is an error.
func OpenTokens(dir string) (*Tokens, error) {
	t := &Tokens{dir: dir, path: filepath.Join(dir, tokensFile)}
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	if _, err := t.Refresh(); err != nil {
		return nil, err
	}
	return t, nil
}

// Refresh takes up a file that was changed. Of one with lines that cannot be read, which
// is an error, the others count.
func (t *Tokens) Refresh() (changed bool, err error) {
	now := stampOf(t.path)
	t.mu.RLock()
	same := now.is(t.read) && t.byID != nil
	t.mu.RUnlock()
	if same {
		return false, nil
	}
	data, err := readFile(t.path)
	var all []Token
	if err == nil {
		all, err = parseTokens(data)
	}
	t.mu.Lock()
	t.take(all, now)
	t.mu.Unlock()
	if err != nil {
		return true, fmt.Errorf("tokens in %s: %w", t.path, err)
	}
	return true, nil
}

func (t *Tokens) take(all []Token, read stamp) {
	t.all, t.read, t.byID = all, read, make(map[string]*Token, len(all))
	for i := range all {
		t.byID[all[i].ID] = &all[i]
	}
}

// Add makes a token that is good for so long, 0 for ever. What its bearer has to show is
// returned and kept nowhere.
func (t *Tokens) Add(role Role, name string, lasts time.Duration) (secret string, added Token, err error) {
	err = t.change(func(all []Token) ([]Token, error) {
		if slices.ContainsFunc(all, func(o Token) bool { return o.Name == name }) {
			return nil, fmt.Errorf("there is a token %q: choose another name, or revoke that one", name)
		}
		now := time.Now().Truncate(time.Second)
		expires := time.Time{}
		if lasts > 0 {
			expires = now.Add(lasts)
		}
		secret, added, err = newToken(role, name, now, expires)
		return append(all, added), err
	})
	return secret, added, err
}

// Revoke removes the token with this name or ID.
func (t *Tokens) Revoke(which string) (revoked Token, err error) {
	err = t.change(func(all []Token) ([]Token, error) {
		i := slices.IndexFunc(all, func(o Token) bool { return o.Name == which || o.ID == which })
		if i < 0 {
			return nil, fmt.Errorf("no token %q: see argos-tui token list", which)
		}
		revoked = all[i]
		return slices.Delete(all, i, i+1), nil
	})
	return revoked, err
}

// change rewrites the file from what stands in it now.
func (t *Tokens) change(f func(all []Token) ([]Token, error)) error {
	return locked(t.dir, func() error {
		data, err := readFile(t.path)
		if err != nil {
			return err
		}
		all, err := parseTokens(data)
		if err != nil {
			return fmt.Errorf("tokens in %s: %w", t.path, err)
		}
		if all, err = f(all); err != nil {
			return err
		}
		if err := atomicfile.Write(t.path, formatTokens(all), 0o600); err != nil {
			return err
		}
		t.mu.Lock()
		t.take(all, stampOf(t.path))
		t.mu.Unlock()
		return nil
	})
}

// List returns all tokens, in the order in which they were made.
func (t *Tokens) List() []Token {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Clone(t.all)
}

// usable reports whether anybody could get in by a token.
func (t *Tokens) usable() bool {
	now := time.Now()
	return slices.ContainsFunc(t.List(), func(o Token) bool { return !o.Expired(now) })
}

var (
	errTokenUnknown = errors.New("unknown or revoked token")
	errTokenExpired = errors.New("expired token")
)

// Check returns the token that secret belongs to.
func (t *Tokens) Check(secret string) (Token, error) {
	form := secretForm.FindStringSubmatch(secret)
	if form == nil {
		return Token{}, errTokenUnknown
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	known := t.byID[form[1]]
	if known == nil || !known.is(secret) {
		return Token{}, errTokenUnknown
	}
	if known.Expired(time.Now()) {
		return Token{}, errTokenExpired
	}
	return *known, nil
}

// Still says why a session that began with a token has to end, nil if it may go on.
func (t *Tokens) Still(was *Token) error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	known := t.byID[was.ID]
	switch {
	case known == nil || known.hash != was.hash || known.Role != was.Role:
		return errors.New("the token was revoked")
	case known.Expired(time.Now()):
		return errors.New("the token has expired")
	}
	return nil
}
