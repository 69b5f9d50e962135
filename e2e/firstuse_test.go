package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// accessCommands are for the scripts about who gets in.
func accessCommands(t *testing.T) map[string]func(*testscript.TestScript, bool, []string) {
	running := map[string]*process{}
	return map[string]func(*testscript.TestScript, bool, []string){
		// freeport VAR: a port that nobody has.
		"freeport": func(ts *testscript.TestScript, _ bool, args []string) {
			_, port, _ := strings.Cut(freeAddr(t), ":")
			ts.Setenv(args[0], port)
		},
		// server NAME STATE ARG...: a server with its files in STATE, until stopserver. What
		// it prints goes to NAME.out and NAME.err.
		"server": func(ts *testscript.TestScript, _ bool, args []string) {
			name := args[0]
			p := &process{Cmd: exec.Command(program, append([]string{"--serve"}, args[2:]...)...), done: make(chan struct{})}
			p.Env = environment(ts.Getenv("WORK"), "XDG_STATE_HOME="+args[1])
			// Written by the server itself, all is there once it says that it serves.
			out, err := os.Create(ts.MkAbs(name + ".out"))
			ts.Check(err)
			p.Stdout, p.Stderr = out, &p.errs
			ts.Check(p.Start())
			ts.Check(out.Close())
			go func() {
				defer close(p.done)
				_ = p.Wait() // how it ended stands in ProcessState
			}()
			ts.Defer(p.kill)
			running[name] = p
			eventually(t, startup, "a server", func() error {
				select {
				case <-p.done:
					ts.Fatalf("the server ended: %s", p.errs.String())
				default:
				}
				if !strings.Contains(p.errs.String(), "msg=serving") {
					return errors.New(p.errs.String())
				}
				return nil
			})
		},
		"stopserver": func(ts *testscript.TestScript, _ bool, args []string) {
			p := running[args[0]]
			p.kill()
			ts.Check(os.WriteFile(ts.MkAbs(args[0]+".err"), []byte(p.errs.String()), 0o600))
		},
		// secrets FILE: sets OPERATOR, VIEWER and FINGERPRINT from what a first start printed.
		"secrets": func(ts *testscript.TestScript, _ bool, args []string) {
			text := ts.ReadFile(args[0])
			for _, m := range tokenForm.FindAllStringSubmatch(text, -1) {
				ts.Setenv(strings.ToUpper(m[1]), m[2])
			}
			// It is used in patterns.
			ts.Setenv("FINGERPRINT", regexp.QuoteMeta(regexp.MustCompile(`SHA256:\S+`).FindString(text)))
		},
		// answers WORD...: the file of what a person will type, a line each.
		"answers": func(ts *testscript.TestScript, _ bool, args []string) {
			ts.Check(os.WriteFile(ts.MkAbs("answers"), []byte(strings.Join(args, "\n")+"\n"), 0o600))
		},
		// tokenfile FILE TOKEN
		"tokenfile": func(ts *testscript.TestScript, _ bool, args []string) {
			ts.Check(os.WriteFile(filepath.Clean(ts.MkAbs(args[0])), []byte(args[1]+"\n"), 0o600))
		},
	}
}
