package views

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"argos/stream"

	"github.com/gdamore/tcell/v2"
)

func TestHelpSearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{})
		defer r.stop()
		r.feed(2)
		shows := func(want bool, what ...string) {
			t.Helper()
			text := r.text()
			for _, s := range what {
				if strings.Contains(text, s) != want {
					t.Errorf("the screen has %q: %t\n%s", s, !want, text)
				}
			}
		}
		r.keys("?")
		shows(true, "Keys", "Left Right", "type to search, Esc closes")
		shows(false, "</> pan") // which it would search for
		r.keys("/waterfall Q")
		shows(true, "nothing has \"waterfall Q\"", "search: waterfall Q_", "Esc shows all")
		r.keys(tcell.KeyBackspace2, tcell.KeyBackspace2)
		shows(true, "freeze spectrum and waterfall", "Commands, after :", "pace TIME")
		shows(false, "Left Right", "Mean is filled")
		r.keys(tcell.KeyEscape)
		shows(true, "Left Right", "type to search")
		r.keys("reconnect")
		shows(true, "(the link is up)") // why not now
		r.keys(tcell.KeyEscape, tcell.KeyEscape)
		shows(false, "Keys", "search")
		r.keys("??")
		shows(false, "type to search")
		r.keys("?", strings.Repeat("x", 100))
		shows(true, "search: "+strings.Repeat("x", maxQuery)+"_")
	})
}

// Whatever is open, Esc comes back to the plain screen, one step at a time, and then says
// that there is nothing left.
func TestEscapeBacksOut(t *testing.T) {
	for name, open := range map[string][]any{
		"palette":           {":"},
		"palette, typed in": {":freq 433"},
		"palette, an error": {":frob", tcell.KeyEnter},
		"help":              {"?"},
		"help, scrolled":    {"?", tcell.KeyPgDn},
		"help, searched":    {"?marker"},
		"help, by command":  {":help", tcell.KeyEnter},
		"viewers":           {":viewers", tcell.KeyEnter},
		"expanded":          {"e"},
		"frozen":            {"f"},
		"all at once":       {"fe", tcell.KeyTab, "?marker"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startRig(t, 80, 24, "UTF-8", 256, Options{})
				defer r.stop()
				r.src.change(func(l *stream.Link) { l.Server.Role = "admin" })
				r.feed(2)
				r.keys(open...)
				outside := func() bool {
					d := r.app.desk
					return !d.palette.open && !d.help.open && !d.expanded && !d.frozen()
				}
				r.peek(func() {
					if outside() {
						t.Error("nothing is open")
					}
				})
				presses := 0
				for out := false; !out && presses < 5; presses++ {
					r.keys(tcell.KeyEscape)
					r.peek(func() { out = outside() })
				}
				if presses == 5 {
					t.Errorf("Esc does not lead out of\n%s", r.text())
				}
				r.keys(tcell.KeyEscape)
				r.wants("back: nothing to back out of")
			})
		})
	}
}

// TestKeymapIsWhole: every binding says what it is, and no key is bound twice, but for those
// that mean something else in a pane.
func TestKeymapIsWhole(t *testing.T) {
	type place struct {
		stroke
		inPane bool
	}
	bound := map[place]string{}
	d := newDesk(&look{})
	words := map[string]bool{}
	for i := range keymap {
		b := &keymap[i]
		if b.keys == "" || b.label == "" || b.word == "" || b.help == "" || b.do == nil || len(b.strokes) == 0 || b.rank < 0 || b.rank > lastRank || words[b.word] {
			t.Errorf("not whole, or there twice: %+v", b)
		}
		words[b.word] = true
		for _, s := range b.strokes {
			s.arg = 0
			at := place{s, d.why(b) == elsewhere}
			if bound[at] != "" {
				t.Errorf("%v does %s and %s", s, bound[at], b.word)
			}
			bound[at] = b.word
			if s.r != 0 && !strings.Contains(b.keys+b.help, string(s.r)) && s.r != ',' && s.r != '.' && s.r != '=' {
				t.Errorf("no word of %q in the help of %s", s.r, b.word)
			}
		}
	}
	names := map[string]bool{}
	for _, c := range commands() {
		if c.name == "" || c.help == "" || names[c.name] {
			t.Errorf("not whole, or there twice: %+v", c)
		}
		names[c.name] = true
	}
}

// TestHelpAndFooterAreTheKeymap: the overlay has every key and command, and the footer
// nothing that is not in the keymap.
func TestHelpAndFooterAreTheKeymap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 200, 60, "UTF-8", 256, Options{})
		defer r.stop()
		r.feed(2)
		r.peek(func() {
			said := map[string]bool{}
			for _, line := range r.app.desk.help.lines() {
				said[strings.Join(strings.Fields(line.text), " ")] = true
			}
			for _, k := range append(Keys(), Commands()...) {
				found := false
				for line := range said {
					found = found || strings.HasPrefix(line, strings.Join(strings.Fields(k.Keys+" "+k.Help), " "))
				}
				if !found {
					t.Errorf("the help has no %s: %s", k.Keys, k.Help)
				}
			}
		})
		rest := " " + r.lines()[59] + "  "
		for i := range keymap {
			b := &keymap[i]
			hint := " " + b.label + " " + b.word + " "
			if here := strings.Contains(rest, hint); here != (b.rank > 0 && r.app.desk.why(b) == "") {
				t.Errorf("the footer has %q: %t", hint, here)
			}
			rest = strings.Replace(rest, hint, "  ", 1)
		}
		if strings.TrimSpace(rest) != "" {
			t.Errorf("in the footer and not in the keymap: %q", rest)
		}
	})
}

// TestKeysDocument holds docs/KEYS.md to the keymap.
func TestKeysDocument(t *testing.T) {
	const path = "../docs/KEYS.md"
	var b strings.Builder
	b.WriteString("# Keys and commands\n\nMade from the keymap by `make generate`. `?` shows the same on the screen; the footer has what works here and now.\n")
	table := func(first string, rows []Key) {
		b.WriteString("\n| " + first + " | |\n|---|---|\n")
		for _, k := range rows {
			escaped := strings.NewReplacer("|", `\|`)
			b.WriteString("| `" + escaped.Replace(k.Keys) + "` | " + escaped.Replace(k.Help) + " |\n")
		}
	}
	table("key", Keys())
	table("after `:`", Commands())
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil || string(kept) != b.String() {
		t.Errorf("%s is not what the keymap says (%v): run make generate", path, err)
	}
}

// TestReadmeFooter: the keys under the screen in README.md are in the keymap.
func TestReadmeFooter(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	footer := regexp.MustCompile(`(?m)^ </> pan .*$`).FindString(string(text))
	if footer == "" {
		t.Fatal("README.md shows no footer")
	}
	for _, hint := range strings.Split(strings.TrimSpace(footer), "  ") {
		found := false
		for i := range keymap {
			found = found || hint == keymap[i].label+" "+keymap[i].word
		}
		if !found {
			t.Errorf("README.md shows %q, which no key is", hint)
		}
	}
}
