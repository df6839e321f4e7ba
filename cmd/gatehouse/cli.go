package main

import (
	"context"
	"errors"
	"io"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/gatehouse-go/gatehouse/providers/password"
)

// An app is one run of the program.
type app struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	flags          *globals
	secrets        []string        // what must not be shown
	hasher         password.Hasher // nil but in tests: the default of providers/password
}

// globals are the flags that every command takes.
type globals struct {
	DB             string `group:"where" placeholder:"URL" help:"The database: file:app.db, postgres://…, mysql://… Default $GATEHOUSE_DB, which is the place for one with a password: other users of a machine can see the arguments of its programs."`
	Prefix         string `group:"where" default:"gatehouse_" placeholder:"TEXT" help:"What the names of the tables begin with (${default})."`
	Sessions       string `group:"where" placeholder:"URL" help:"Where the sessions are, if not in the database: redis://… Default $GATEHOUSE_SESSIONS. Give it if the site does: sessions are ended where it says."`
	SessionsPrefix string `group:"where" default:"gatehouse" placeholder:"TEXT" help:"What the keys in Redis begin with (${default})."`
	Realm          string `group:"where" placeholder:"NAME" help:"The site's auth.Options.Realm, if it has one."`
	NoUsers        bool   `group:"where" help:"The site keeps its users in a table of its own (bunstore.Options.NoUsers)."`
	JSON           bool   `group:"every" help:"Print one JSON document instead of text."`

	// Kong's own would end the program, and go on in tests.
	Help helpFlag `group:"every" short:"h" help:"Show this help, or that of a command."`
}

type cli struct {
	globals

	Migrate  migrateCmd  `cmd:"" help:"Create, change, undo or print the schema of the database."`
	Sweep    sweepCmd    `cmd:"" help:"Delete what has expired."`
	Doctor   doctorCmd   `cmd:"" help:"Examine the database and the store of sessions."`
	User     userCmd     `cmd:"" help:"Create, change and look at users."`
	Role     roleCmd     `cmd:"" help:"Grant roles, take them away, and define them."`
	Sessions sessionsCmd `cmd:"" help:"List and end sessions."`
	Policy   policyCmd   `cmd:"" help:"Print what ends when, and how many guesses there are."`
	Version  versionCmd  `cmd:"" help:"Print the version."`
}

const description = "Looks after what Gatehouse keeps for a site."

// Help is the detail of the help of the whole program.
func (*cli) Help() string {
	return `Give the database by --db or GATEHOUSE_DB. Every command has a --help with examples.

Exit codes:

    0    done
    1    failed: something that is needed is broken or cannot be reached
    2    the command line is not right; nothing was done
    3    not found: no such user, session, role or grant
    4    refused: exists already, against the rules for passwords,
         changed by somebody else meanwhile, not confirmed,
         an address that nobody has proved to be theirs
    5    doctor: works, with warnings
    130  interrupted by SIGINT or SIGTERM, between two steps

Results go to standard output, everything else to standard error. With --json the result is one document, whose fields are in docs/cli.md.

Examples:

    export GATEHOUSE_DB=postgres://site:secret@db.example/site
    gatehouse migrate up
    gatehouse doctor --json
    gatehouse user create ada@example.com
    gatehouse role grant admin ada@example.com
    gatehouse sessions revoke --user ada@example.com`
}

// helpFlag prints the help of what is named before it, and ends the parsing.
type helpFlag bool

var errHelped = errors.New("the help was shown")

// IgnoreDefault keeps Kong from resetting the flag.
func (helpFlag) IgnoreDefault() {}

// BeforeReset is called by Kong before anything else is looked at.
func (helpFlag) BeforeReset(ctx *kong.Context) error {
	if err := ctx.PrintUsage(false); err != nil {
		return &coded{code: exitFailed, text: "the help could not be printed: " + err.Error()}
	}
	return errHelped
}

// parser returns the parser of the command line into c. Help goes to w.
func parser(c *cli, w io.Writer) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("gatehouse"),
		kong.Description(description),
		kong.Writers(w, w),
		kong.NoDefaultHelp(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.ExplicitGroups([]kong.Group{{Key: "where", Title: "Where things are:"}, {Key: "every", Title: "For every command:"}}),
		kong.PostBuild(func(k *kong.Kong) error {
			for _, f := range k.Model.Flags {
				if f.Target.Type() == reflect.TypeFor[helpFlag]() {
					k.Model.HelpFlag = f
				}
			}
			return nil
		}),
	)
}

// main parses the command line and runs the command.
func (a *app) main(args []string, env func(string) string) error {
	// Before anything can be said about them.
	for _, arg := range args {
		_, value, _ := strings.Cut(arg, "=")
		a.secrets = append(append(a.secrets, secretsOf(arg)...), secretsOf(value)...)
	}
	var c cli
	k, err := parser(&c, a.stdout)
	if err != nil {
		return err
	}
	bare := len(args) == 0
	if bare {
		args, k.Stdout = []string{"--help"}, a.stderr
	}
	parsed, err := k.Parse(args)
	switch {
	case bare:
		return said(exitUsage)
	case errors.Is(err, errHelped):
		return nil
	case errors.As(err, new(*coded)):
		return err
	case err != nil:
		return usage(`"`+commandOf(err)+` --help" says more`, "%s", err)
	}
	a.flags = &c.globals
	if c.DB == "" {
		c.DB = env("GATEHOUSE_DB")
	}
	if c.globals.Sessions == "" {
		c.globals.Sessions = env("GATEHOUSE_SESSIONS")
	}
	a.secrets = append(append(a.secrets, secretsOf(c.DB)...), secretsOf(c.globals.Sessions)...)
	return parsed.Run(a)
}

// commandOf returns the command that a parse error is about.
func commandOf(err error) string {
	var p *kong.ParseError
	if errors.As(err, &p) && p.Context != nil {
		if n := p.Context.Selected(); n != nil {
			return n.FullPath()
		}
	}
	return "gatehouse"
}
