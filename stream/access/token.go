package access

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Token lets its bearer in. What the bearer shows is not kept, only a hash of it: it is
// 130 random bits, which no dictionary has, so one round of SHA-256 will do.
type Token struct {
	ID      string // the first part of what the bearer shows, to recognise it by
	Role    Role
	Name    string // of who or what it is for
	Created time.Time
	Expires time.Time // zero: never
	hash    [sha256.Size]byte
}

// Expired reports whether t is good no more.
func (t *Token) Expired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// is reports whether secret is what the bearer of t shows. It takes the same time for
// all that are as long.
func (t *Token) is(secret string) bool {
	hash := sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(hash[:], t.hash[:]) == 1
}

const tokenPrefix = "argos-"

// secretForm is argos-ID-SECRET. All of it may stand in the name of a subprotocol.
var secretForm = regexp.MustCompile(`^argos-([a-z2-7]{8})-([a-z2-7]{26})$`)

// CleanSecret is what a person pasted without the blanks around it, if it is in the
// form of a token: what is not never leaves this machine.
func CleanSecret(s string) (string, error) {
	s = strings.TrimSpace(s)
	if !secretForm.MatchString(s) {
		return "", errors.New("that is no token: they begin with " + tokenPrefix + " and have 41 characters")
	}
	return s, nil
}

// nameForm bounds the names of tokens, which stand in logs, journals and on screens.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

// newToken makes a token and what its bearer shows, which is known here and now alone.
func newToken(role Role, name string, created, expires time.Time) (secret string, t Token, err error) {
	if !nameForm.MatchString(name) {
		return "", t, fmt.Errorf("name %q: use up to 64 letters, digits and . _ @ -", name)
	}
	id := strings.ToLower(rand.Text()[:8])
	secret = tokenPrefix + id + "-" + strings.ToLower(rand.Text())
	return secret, Token{id, role, name, created, expires, sha256.Sum256([]byte(secret))}, nil
}

// fileHeader begins the file.
const fileHeader = "# An Argos server lets in: ID ROLE CREATED EXPIRES SHA-256 NAME.\n# Change them by argos-tui token add, list, revoke.\n"

// line is t in the file.
func (t *Token) line() string {
	expires := "never"
	if !t.Expires.IsZero() {
		expires = t.Expires.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("%s %s %s %s %s %s\n", t.ID, t.Role, t.Created.UTC().Format(time.RFC3339), expires, hex.EncodeToString(t.hash[:]), t.Name)
}

func formatTokens(all []Token) []byte {
	var b bytes.Buffer
	b.WriteString(fileHeader)
	for i := range all {
		b.WriteString(all[i].line())
	}
	return b.Bytes()
}

// parseTokens reads a file of tokens. Lines that cannot be read let nobody in; the error
// names the first.
func parseTokens(data []byte) (all []Token, err error) {
	seen := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, maxFile)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		t, e := parseToken(text)
		if e == nil && seen[t.ID] {
			e = fmt.Errorf("a second token %s", t.ID)
		}
		if e != nil {
			if err == nil {
				err = fmt.Errorf("line %d: %w", n, e)
			}
			continue
		}
		seen[t.ID] = true
		all = append(all, t)
	}
	return all, errors.Join(err, lines.Err())
}

var errTokenLine = errors.New("not ID ROLE CREATED EXPIRES SHA-256 NAME")

func parseToken(line string) (t Token, err error) {
	parts := strings.Fields(line)
	if len(parts) != 6 || !secretForm.MatchString(tokenPrefix+parts[0]+"-"+strings.Repeat("a", 26)) || !nameForm.MatchString(parts[5]) {
		return t, errTokenLine
	}
	t.ID, t.Name = parts[0], parts[5]
	if t.Role, err = ParseRole(parts[1]); err != nil {
		return t, errTokenLine
	}
	if t.Created, err = time.Parse(time.RFC3339, parts[2]); err != nil {
		return t, errTokenLine
	}
	if parts[3] != "never" {
		if t.Expires, err = time.Parse(time.RFC3339, parts[3]); err != nil || t.Expires.IsZero() {
			return t, errTokenLine
		}
	}
	hash, err := hex.DecodeString(parts[4])
	if err != nil || len(hash) != len(t.hash) {
		return t, errTokenLine
	}
	t.hash = [sha256.Size]byte(hash)
	return t, nil
}

// ParseLasts reads for how long a token is to be good: 30d, 12h, or never, which is 0.
func ParseLasts(s string) (time.Duration, error) {
	if s == "never" {
		return 0, nil
	}
	unit := map[string]time.Duration{"d": 24 * time.Hour, "h": time.Hour, "m": time.Minute, "s": time.Second}
	for suffix, one := range unit {
		if digits, ok := strings.CutSuffix(s, suffix); ok {
			n, err := strconv.ParseUint(digits, 10, 16)
			if err == nil && n > 0 {
				return time.Duration(n) * one, nil
			}
		}
	}
	return 0, fmt.Errorf("%q: use a time such as 30d or 12h, or never", s)
}
