package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A sshBox is a real sshd on loopback, with keys of its own, and a directory with an ssh
// that knows them, for PATH: ssh takes its configuration from the passwd file's home.
type sshBox struct {
	*exec.Cmd
	url  string // ssh://user@127.0.0.1:port
	path string
	dir  string
}

func startSSHD(t *testing.T) *sshBox {
	t.Helper()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, key := range []string{"host", "user"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", at(key)).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v\n%s", err, out)
		}
	}
	public, err := os.ReadFile(at("user.pub"))
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.ReadFile(at("host.pub"))
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(freeAddr(t), ":")
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"authorized": string(public),
		"known":      fmt.Sprintf("[127.0.0.1]:%s %s", port, host),
		"sshd_config": fmt.Sprintf("Port %s\nListenAddress 127.0.0.1\nHostKey %s\nAuthorizedKeysFile %s\nPidFile none\nStrictModes no\n"+
			"UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nMaxStartups 100\n", port, at("host"), at("authorized")),
		"config": fmt.Sprintf("Host *\nIdentityFile %s\nIdentitiesOnly yes\nUserKnownHostsFile %s\nStrictHostKeyChecking yes\n", at("user"), at("known")),
	} {
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(at("bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	wrapper := fmt.Sprintf("#!/bin/sh\nexec %s -F %s \"$@\"\n", ssh, at("config"))
	if err := os.WriteFile(filepath.Join(at("bin"), "ssh"), []byte(wrapper), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil && !os.IsPermission(err) {
		t.Fatal(err)
	}
	b := &sshBox{
		Cmd: exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", at("sshd_config")),
		url: "ssh://" + me.Username + "@127.0.0.1:" + port, path: at("bin"), dir: dir,
	}
	var said bytes.Buffer
	b.Stderr = &said
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = b.Process.Kill()
		_ = b.Wait() // killed
		if t.Failed() {
			t.Logf("sshd said:\n%s", said.String())
		}
	})
	eventually(t, startup, "an sshd", func() error { return dial("127.0.0.1:" + port) })
	return b
}

// sshProcesses are the ssh clients that use the configuration of b.
func (b *sshBox) sshProcesses(t *testing.T) (found []string) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		line, err := os.ReadFile(file)
		if err == nil && bytes.Contains(line, []byte(filepath.Join(b.dir, "config"))) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// TestSSH: a server that listens on loopback alone is watched through a real sshd,
// outlives a restart of the server, ends cleanly and leaves no ssh behind.
func TestSSH(t *testing.T) {
	t.Parallel()
	box := startSSHD(t)
	addr := freeAddr(t)
	server := serve(t, addr, "--device", "synth")
	watch := func(url string) *process {
		return startWith(t, []string{"PATH=" + box.path + string(filepath.ListSeparator) + os.Getenv("PATH")}, "--json", "--connect", url)
	}
	viewer := watch(box.url + "/" + addr)
	frames := func() int { return strings.Count(viewer.out.String(), `"kind":"spectrum"`) }
	live := func(more int) {
		t.Helper()
		from := frames()
		eventually(t, startup, "frames by ssh", func() error {
			if n := frames(); n < from+more {
				return fmt.Errorf("%d frames: %s", n-from, viewer.errs.String())
			}
			return nil
		})
	}
	live(20)
	if out := viewer.out.String(); !strings.Contains(out, `"role":"operator"`) {
		t.Errorf("not operator: %.500s", out)
	}
	if n := len(box.sshProcesses(t)); n != 1 {
		t.Errorf("%d ssh processes", n)
	}
	server.kill()
	eventually(t, startup, "news of the lost link", func() error {
		if !strings.Contains(viewer.out.String(), `"state":"RECONNECTING"`) {
			return fmt.Errorf("%s", viewer.errs.String())
		}
		return nil
	})
	serve(t, addr, "--device", "synth")
	live(20)
	if err := viewer.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case <-viewer.done:
	case <-time.After(startup):
		t.Fatal("it does not end")
	}
	if code := viewer.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit %d: %s", code, viewer.errs.String())
	}
	noneLeft := func() {
		t.Helper()
		eventually(t, startup, "end of ssh", func() error {
			if left := box.sshProcesses(t); len(left) > 0 {
				return fmt.Errorf("left: %q", left)
			}
			return nil
		})
	}
	noneLeft()

	// What ssh says of what goes wrong is what the operator is told.
	for _, c := range []struct{ url, want string }{
		{box.url + "/" + freeAddr(t), "ssh says: "},
		{"ssh://nobody-here@127.0.0.1:" + box.url[strings.LastIndex(box.url, ":")+1:], "Permission denied"},
		{"ssh://127.0.0.1:1", "ssh says: "},
	} {
		p := watch(c.url)
		<-p.done
		if said := p.errs.String(); p.ProcessState.ExitCode() != 1 || !strings.Contains(said, c.want) || strings.Count(said, "\n") != 1 {
			t.Errorf("%s: exit %d, %q", c.url, p.ProcessState.ExitCode(), said)
		}
	}
	noneLeft()
}
