package views

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"argos/stream"

	"github.com/creack/pty"
	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"
	"golang.org/x/sys/unix"
)

// falling in the environment makes the program of this test the one that panics.
const falling = "ARGOS_TEST_FALLING"

// A picture falls off the wall when it is drawn.
type picture struct{ *tview.Box }

func (picture) Draw(tcell.Screen) { panic("the picture fell") }

// A panic in the middle of tview's own draw leaves a terminal as it was, with the cause on it,
// and ends the program with 1.
func TestPanicWhileDrawing(t *testing.T) {
	if os.Getenv(falling) != "" {
		drawThePicture(t)
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run", "^TestPanicWhileDrawing$")
	cmd.Env = append(os.Environ(), falling+"=1")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 80, Rows: 24})
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	out, _ := io.ReadAll(tty) // it ends with an error when nobody has the terminal any more
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("it ended with %v, want exit status 1", err)
	}
	_, left, ok := bytes.Cut(out, []byte("\x1b[?1049l"))
	if !ok {
		t.Fatalf("the alternate screen was not left:\n%q", out)
	}
	_, printed, ok := bytes.Cut(left, []byte("argos-tui: internal error: the picture fell\r\n"))
	if !ok || !bytes.Contains(printed, []byte("guard_test.go")) || bytes.Contains(printed, []byte("\x1b")) {
		t.Errorf("printed after it:\n%q", left)
	}
	mode, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if cooked := uint32(unix.ICANON | unix.ECHO | unix.ISIG); mode.Lflag&cooked != cooked || mode.Oflag&unix.OPOST == 0 {
		t.Errorf("the terminal is left in mode %x, %x", mode.Lflag, mode.Oflag)
	}
}

// A nail is a source that hangs up the picture with the first draw.
type nail struct {
	*fakeSource
	app *App
}

func (n *nail) Link() stream.Link {
	n.app.desk.panes[paneSpectrum] = picture{tview.NewBox()}
	return n.fakeSource.Link()
}

func drawThePicture(t *testing.T) {
	app, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Errorf("it ended by itself: %v", app.Run(t.Context(), &nail{newSource(time.Now()), app}))
}
