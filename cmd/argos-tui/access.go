package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"argos/stream"
	"argos/stream/access"
)

// entranceFlags are about who gets in, on either side.
func (o *options) entranceFlags(f *pflag.FlagSet) {
	e := &o.entrance
	f.BoolVar(&e.RequireToken, "require-token", false, "let in nobody without a token, not even from this machine")
	f.BoolVar(&o.oneOperator, "one-operator", false, "let one operator at a time tune; others ask for the controls")
	f.StringVar(&e.CertFile, "tls-cert", "", "serve with the certificate in this `FILE`, which may be renewed at any time")
	f.StringVar(&e.KeyFile, "tls-key", "", "its key, in this `FILE`")
	f.StringSliceVar(&e.Proxies, "trusted-proxy", nil, "believe X-Forwarded-For of these `ADDRESSES` or networks; takes tokens from everybody")
	f.StringSliceVar(&e.Origins, "allow-origin", nil, "let web pages of these `ORIGINS` connect, such as https://spectrum.example.org")
	f.BoolVar(&e.Insecure, "insecure", false, "serve others without TLS and tokens: whoever reaches the address may tune")
	f.Var((*limitFlag)(&o.limits), "limit", "bound what those who connect can make the server do, such as sessions=100,bytes=131072; docs/OPERATIONS.md lists all")
	f.StringVar(&o.tokenFile, "token-file", "", "with --connect: read the token from this `FILE`; else "+access.TokenVariable+", else it is asked for")
	f.StringVar(&o.ca, "ca", "", "with --connect: trust only servers that the authorities in this `FILE` vouch for")
}

// A limitFlag is some of the server's limits.
type limitFlag stream.Limits

var _ pflag.Value = (*limitFlag)(nil)

func (*limitFlag) String() string { return "" }
func (*limitFlag) Type() string   { return "NAME=NUMBER" }

func (f *limitFlag) Set(v string) error { return (*stream.Limits)(f).Set(v) }

// guards reports whether anything is said about who gets in to a server here.
func (o *options) guards() bool {
	e := &o.entrance
	return o.oneOperator || o.limits != (stream.Limits{}) || e.RequireToken || e.Insecure || e.CertFile != "" || e.KeyFile != "" || len(e.Proxies)+len(e.Origins) > 0
}

// door is who gets in, as the flags say.
func (o *options) door() (*access.Entrance, error) {
	e := o.entrance
	e.Address, e.Dir, e.KeepsOutput = o.listen, access.DefaultDir(), keptByJournal()
	e.Again = "argos-tui " + strings.Join(os.Args[1:], " ")
	door, err := access.NewEntrance(e)
	if errors.Is(err, access.ErrOptions) {
		return nil, &usageError{err}
	}
	return door, err
}

// keptByJournal reports whether systemd keeps what we print, as sd_journal says to find out.
func keptByJournal() bool {
	_, kept := os.LookupEnv("JOURNAL_STREAM")
	return kept
}

// tokenCommand manages tokens.
func tokenCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "Manage who may connect to the server of this machine",
		Args:  func(_ *cobra.Command, args []string) error { return noArguments(args) },
		RunE: func(*cobra.Command, []string) error {
			return &usageError{errors.New("token what? use token add, token list or token revoke NAME")}
		},
	}
	c.AddCommand(tokenAddCommand(), tokenListCommand(), tokenRevokeCommand())
	return c
}

func tokenAddCommand() *cobra.Command {
	role, name, expires := "", "", ""
	c := &cobra.Command{
		Use:   "add",
		Short: "Make a token and print it, once",
		Args:  func(_ *cobra.Command, args []string) error { return noArguments(args) },
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := access.ParseRole(role)
			if err != nil {
				return &usageError{fmt.Errorf("--%w", err)}
			}
			lasts, err := access.ParseLasts(expires)
			if err != nil {
				return &usageError{fmt.Errorf("--expires: %w", err)}
			}
			tokens, err := access.OpenTokens(access.DefaultDir())
			if err != nil {
				return err
			}
			secret, t, err := tokens.Add(r, name, lasts)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "token %s for %s as %s, expires %s; it is not shown again:\n", t.ID, t.Name, t.Role, expiry(&t))
			fmt.Fprintln(c.OutOrStdout(), secret)
			return nil
		},
	}
	c.Flags().StringVar(&role, "role", "viewer", "what its bearer may do: `viewer|operator|admin`")
	c.Flags().StringVar(&name, "name", "", "`NAME` of who or what it is for")
	c.Flags().StringVar(&expires, "expires", "never", "after `TIME`, such as 30d or 12h")
	_ = c.MarkFlagRequired("name") // it exists
	return c
}

func expiry(t *access.Token) string {
	if t.Expires.IsZero() {
		return "never"
	}
	return t.Expires.Local().Format("2006-01-02 15:04")
}

func tokenListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the tokens",
		Args:  func(_ *cobra.Command, args []string) error { return noArguments(args) },
		RunE: func(c *cobra.Command, _ []string) error {
			tokens, err := access.OpenTokens(access.DefaultDir())
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tROLE\tNAME\tMADE\tEXPIRES")
			for _, t := range tokens.List() {
				end := expiry(&t)
				if t.Expired(time.Now()) {
					end += " (expired)"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", t.ID, t.Role, t.Name, t.Created.Local().Format(time.DateOnly), end)
			}
			return w.Flush()
		},
	}
}

func tokenRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke NAME|ID",
		Short: "Revoke a token: who uses it now is sent away at once",
		Args:  exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			tokens, err := access.OpenTokens(access.DefaultDir())
			if err != nil {
				return err
			}
			t, err := tokens.Revoke(args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "revoked %s, the token of %s\n", t.ID, t.Name)
			return nil
		},
	}
}

// trustCommand is for who has nobody to answer the question.
func trustCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "trust HOST:PORT FINGERPRINT",
		Short: "Trust a server by the fingerprint that it printed",
		Args:  exactly(2),
		RunE: func(_ *cobra.Command, args []string) error {
			return access.OpenKnownHosts(access.DefaultDir()).Trust(args[0], args[1])
		},
	}
}

func forgetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "forget HOST:PORT",
		Short: "Trust a server no more, or anew after its key was changed",
		Args:  exactly(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return access.OpenKnownHosts(access.DefaultDir()).Forget(args[0])
		},
	}
}

func exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return &usageError{errors.New("use argos-tui " + strings.TrimPrefix(c.UseLine(), "argos-tui ") + " with " + strconv.Itoa(n) + " arguments")}
		}
		return nil
	}
}
