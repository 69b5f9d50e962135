package access

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// TokenVariable is the environment variable of a token: environments are their user's
// alone, command lines are for all to see.
const TokenVariable = "ARGOS_TOKEN"

// FindToken is the token in file, which its user alone may read, or in the environment;
// empty if there is neither.
func FindToken(file string) (string, error) {
	if file == "" {
		if s := os.Getenv(TokenVariable); s != "" {
			return CleanSecret(s)
		}
		return "", nil
	}
	if _, err := os.Stat(file); err != nil {
		return "", err
	}
	data, err := readFile(file)
	if err != nil {
		return "", err
	}
	secret, err := CleanSecret(string(data))
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	return secret, nil
}

// A Console asks the person at a terminal.
type Console struct {
	In  *os.File
	Out io.Writer
}

// Interactive reports whether there is a person to ask.
func (c *Console) Interactive() bool { return term.IsTerminal(int(c.In.Fd())) }

var errNotTrusted = errors.New("not trusted: nothing was sent")

// AskTrust asks whether to trust a server that was not met before, as ssh does: by yes,
// or by the fingerprint that its operator gave.
func (c *Console) AskTrust(ctx context.Context, e *UnknownHostError) error {
	fmt.Fprintf(c.Out, "%s is not known yet, and nobody vouches for it.\nIts key is %s.\n"+
		"The server printed the same when it first started, if it is the right one.\n", e.Host, e.Fingerprint)
	question := "Do you trust it (yes/no/fingerprint)? "
	for {
		fmt.Fprint(c.Out, question)
		// A line at a time, and not more: what follows may be for the next question.
		answer, err := c.wait(ctx, func() (string, error) { return readLine(c.In) })
		switch answer = strings.TrimSpace(answer); {
		case answer == e.Fingerprint || strings.EqualFold(answer, "yes"):
			return nil
		case err != nil, strings.EqualFold(answer, "no"):
			return errNotTrusted
		case strings.HasPrefix(answer, fingerprintPrefix):
			fmt.Fprintln(c.Out, "That is another key.")
			return errNotTrusted
		}
		question = "Type yes, no or the fingerprint: "
	}
}

// AskToken asks for a token, which is not shown.
func (c *Console) AskToken(ctx context.Context, host string) (string, error) {
	for {
		fmt.Fprintf(c.Out, "Token for %s: ", host)
		b, err := c.wait(ctx, func() (string, error) {
			b, err := term.ReadPassword(int(c.In.Fd()))
			return string(b), err
		})
		fmt.Fprintln(c.Out)
		if err != nil {
			return "", fmt.Errorf("read a token: %w", err)
		}
		secret, err := CleanSecret(b)
		if err == nil {
			return secret, nil
		}
		fmt.Fprintln(c.Out, err)
	}
}

// wait reads until ctx ends, which leaves the terminal as it was. A read that is left
// behind ends with the process.
func (c *Console) wait(ctx context.Context, read func() (string, error)) (string, error) {
	before, err := term.GetState(int(c.In.Fd()))
	if err != nil {
		return "", err
	}
	type answer struct {
		text string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		text, err := read()
		answered <- answer{text, err}
	}()
	select {
	case a := <-answered:
		return a.text, a.err
	case <-ctx.Done():
		return "", errors.Join(context.Cause(ctx), term.Restore(int(c.In.Fd()), before))
	}
}

// readLine reads up to the end of a line and no further.
func readLine(r io.Reader) (string, error) {
	var line []byte
	for b := [1]byte{}; ; {
		n, err := r.Read(b[:])
		if n == 1 && b[0] == '\n' {
			return string(line), nil
		}
		line = append(line, b[:n]...)
		if err != nil {
			return string(line), err
		}
		if len(line) > bufio.MaxScanTokenSize {
			return "", errors.New("line too long")
		}
	}
}
