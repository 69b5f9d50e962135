package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"argos/device/hackrf"
	"argos/stream/access"
	"argos/views"
)

// bashCompletion is ours: cobra's takes a package that small machines lack.
//
//go:embed completion.bash
var bashCompletion string

// completionCommand writes what a shell needs to complete our flags and their values.
func completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish"}
	return &cobra.Command{
		Use:       "completion " + strings.Join(shells, "|"),
		Short:     "Write completions for a shell: eval \"$(argos-tui completion bash)\"",
		ValidArgs: shells,
		Args:      exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			switch out := c.OutOrStdout(); args[0] {
			case "bash":
				fmt.Fprint(out, bashCompletion)
				return nil
			case "zsh":
				return c.Root().GenZshCompletion(out)
			case "fish":
				return c.Root().GenFishCompletion(out, true)
			default:
				return &usageError{errors.New("completions are for bash, zsh or fish")}
			}
		},
	}
}

// complete tells the values of all flags below c: those that its help lists, radios,
// and files for a FILE.
func complete(c *cobra.Command) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		name, _ := pflag.UnquoteUsage(f)
		switch name {
		case "", "FILE":
		case "RADIO":
			_ = c.RegisterFlagCompletionFunc(f.Name, completeRadio) // it exists, and has none
		default:
			_ = c.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(views.Choices(name), cobra.ShellCompDirectiveNoFileComp))
		}
	})
	for _, below := range c.Commands() {
		complete(below)
	}
}

// patience is how long somebody who pressed Tab may wait for the radios.
const patience = 2 * time.Second

// completeRadio lists the drivers, the radios that are plugged in, and recordings.
func completeRadio(c *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	if path, ok := strings.CutPrefix(begun, "replay:"); ok {
		found, _ := filepath.Glob(path + "*") // a pattern that is none matches nothing
		for i := range found {
			found[i] = "replay:" + found[i]
		}
		return found, directive
	}
	radios := []string{"synth", "replay:", "hackrf"}
	ctx, cancel := context.WithTimeout(c.Context(), patience)
	defer cancel()
	all, _ := hackrf.List(ctx) // none, if they cannot be listed
	for _, f := range all {
		radios = append(radios, "hackrf:"+f.Serial+"\t"+f.Board)
	}
	return radios, directive
}

// completeTokens lists the names of tokens.
func completeTokens(*cobra.Command, []string, string) (names []string, _ cobra.ShellCompDirective) {
	tokens, err := access.OpenTokens(access.DefaultDir())
	if err == nil {
		for _, t := range tokens.List() {
			names = append(names, t.Name+"\t"+t.Role.String())
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
