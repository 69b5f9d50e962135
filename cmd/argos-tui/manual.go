package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"argos/views"
)

// manCommand writes the manual page.
func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man",
		Short: "Write the manual page: argos-tui man | man -l -",
		Args:  func(_ *cobra.Command, args []string) error { return noArguments(args) },
		RunE:  func(c *cobra.Command, _ []string) error { return flush(c.OutOrStdout(), manual(c.Root())) },
	}
}

// A page is a manual page in the making, in the language of man(7).
type page struct{ bytes.Buffer }

// manual makes the manual page of what the flags, the commands, the settings of the
// radio and the keymap say of themselves.
func manual(root *cobra.Command) *bytes.Buffer {
	p := &page{}
	p.WriteString(".TH ARGOS-TUI 1 \"\" Argos \"User Commands\"\n.nh\n.ad l\n")
	p.section("NAME")
	p.text("argos-tui - " + strings.ToLower(root.Short[:1]) + root.Short[1:])
	p.section("SYNOPSIS")
	p.text("argos-tui [--connect URL | --serve] [--json | --plain] [OPTION...]\n.br")
	p.text("argos-tui COMMAND [ARGUMENT...]")
	p.section("DESCRIPTION")
	p.text("Alone it captures from the radio of this machine and shows spectrum, waterfall, link, device and events, or attaches to a " +
		"server that does so already. With --serve it captures and serves without a screen, with --connect it shows the server at URL. " +
		"Frequencies take k, M and G. Powers are dBFS, or dBm where a calibration says what those are.")
	p.section("OPTIONS")
	for _, g := range newOptions().groups {
		p.subsection(g.title)
		p.flags(g.flags)
	}
	p.section("COMMANDS")
	for _, c := range root.Commands() {
		p.command(c)
	}
	p.section("KEYS")
	for _, k := range views.Keys() {
		p.item(k.Keys, k.Help)
	}
	p.section("COMMANDS ON THE SCREEN")
	p.text("They are typed after : on the screen; Tab completes. Several settings of the radio can stand on one line.")
	for _, k := range views.Commands() {
		p.item(":"+k.Keys, k.Help)
	}
	p.section("CONFIGURATION")
	p.text("The file of --config is TOML. Its keys are the long names of options, without the dashes, and each can stand there that is not " +
		"marked \"not in a file\". The command line overrides the file, the file what a screen remembers, and that the defaults. What a file says of tuning is for a radio " +
		"of this machine: it never tunes that of another server. argos-tui --default-config writes a file to begin with, and --print-config what is in force.")
	p.section("ENVIRONMENT")
	p.item("ARGOS_TOKEN", "token for the server of --connect")
	p.item("TERM, COLORTERM, NO_COLOR, LC_ALL, LC_CTYPE, LANG", "what the terminal can show; argos-tui doctor tells")
	p.section("FILES")
	p.item("$XDG_CONFIG_HOME/argos/config.toml", "configuration; ~/.config where the variable is not set")
	p.item(calibrationHelp, "what is known of the errors of radios (argos-tui calibrate writes it)")
	p.item("$XDG_STATE_HOME/argos", "keys, tokens, known servers, and in screen.json what a screen remembers; ~/.local/state where the variable is not set")
	p.section("EXIT STATUS")
	p.item("0", "all went well")
	p.item("1", "something failed; standard error says what")
	p.item("2", "what was typed or stands in the configuration is wrong")
	return &p.Buffer
}

func (p *page) section(title string)    { fmt.Fprintf(p, ".SH %s\n", title) }
func (p *page) subsection(title string) { fmt.Fprintf(p, ".SS %s\n", roff(title)) }
func (p *page) text(s string)           { fmt.Fprintf(p, "%s\n", roff(s)) }

// item is a term and what it means.
func (p *page) item(term, text string) { fmt.Fprintf(p, ".TP\n.B %s\n%s\n", roff(term), roff(text)) }

func (p *page) flags(flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		name, usage := pflag.UnquoteUsage(f)
		term := strings.TrimSpace("--" + f.Name + " " + name)
		if f.Value.Type() != "bool" && f.DefValue != "" && f.DefValue != "[]" {
			usage += " (default " + f.DefValue + ")"
		}
		if !inFile(f) {
			usage += "; not in a file"
		}
		p.item(term, usage)
	})
}

// command is one with those below it.
func (p *page) command(c *cobra.Command) {
	if !c.IsAvailableCommand() {
		return
	}
	if c.HasAvailableSubCommands() {
		for _, below := range c.Commands() {
			p.command(below)
		}
		return
	}
	below := strings.TrimPrefix(c.Parent().CommandPath()+" ", "argos-tui ")
	p.item(below+c.Use, c.Short)
	c.InitDefaultHelpFlag()
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		name, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(p, ".RS\n.TP\n.B %s\n%s\n.RE\n", roff(strings.TrimSpace("--"+f.Name+" "+name)), roff(usage))
	})
}

// roff keeps s from being taken for requests and escapes. Requests of ours follow a
// newline.
var roffEscapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "~", `\(ti`, "^", `\(ha`, "'", `\(aq`, "`", `\(ga`)

func roff(s string) string {
	s = roffEscapes.Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}
