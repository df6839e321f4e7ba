package main

import (
	"cmp"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/providers/account"
	"github.com/gatehouse-go/gatehouse/providers/apikey"
	"github.com/gatehouse-go/gatehouse/providers/maillink"
	"github.com/gatehouse-go/gatehouse/providers/oauth"
	"github.com/gatehouse-go/gatehouse/providers/password"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

type policyCmd struct {
	Markdown bool `help:"Print the tables in Markdown, as docs have them."`
}

// Help is the detail of the help.
func (*policyCmd) Help() string {
	return `Prints what a site does by default: what becomes of sessions, credentials and tickets of each kind when something happens to an account, and how many guesses there are. The site is composed of passwords, GitHub for all of OAuth, API keys, accounts and links by mail, with the default options; no database is looked at. A site of your own prints its table by auth.Manager.Consequences, and changes cells of it by auth.Options.Consequences.

"others" means that all end but what the change is about, and the session and the browser in which it is made.

Examples:

    gatehouse policy
    gatehouse policy --markdown
    gatehouse policy --json`
}

type policy struct {
	Consequences []consequence `json:"consequences"`
	Limits       []limit       `json:"limits"`
}

type consequence struct {
	Event string `json:"event"`
	Kind  string `json:"kind"`
	Fate  string `json:"fate"`
}

type limit struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Run prints the policy.
func (c *policyCmd) Run(a *app) error {
	if c.Markdown && a.flags.JSON {
		return usage("gatehouse policy --help says more", "--markdown and --json are two forms of one thing: give one of them")
	}
	m, err := standard()
	if err != nil {
		return err
	}
	p := policy{Limits: limits(reflect.ValueOf(m.Limits()))}
	for _, cell := range m.Consequences() {
		p.Consequences = append(p.Consequences, consequence{cell.Event, cell.Kind, cell.Fate.String()})
	}
	write := table
	if c.Markdown {
		write = markdown
	}
	return a.print(p, func(w io.Writer) {
		write(w, p.cells())
		fmt.Fprintln(w)
		rows := [][]string{{"LIMIT", "DEFAULT"}}
		for _, l := range p.Limits {
			rows = append(rows, []string{l.Name, l.Value})
		}
		write(w, rows)
	})
}

// standard is a site of all that comes with Gatehouse, with the default options.
func standard() (*auth.Manager, error) {
	post := mail.New("https://site.example", memory.NewOutbox(), new(mail.Box), nil)
	keys := apikey.New(nil)
	users := memory.NewUsers()
	return auth.New(users, memory.New(nil), &auth.Options{
		Providers: []auth.Provider{
			post,
			password.New(nil),
			oauth.New("https://site.example", nil, oauth.GitHub("id", "secret", nil)),
			keys,
			account.New(post, nil),
			maillink.New(post, nil),
		},
		Loaders: []auth.RequestLoader{keys},
	})
}

// firstColumns are those of what the core keeps; the others come in order of their names.
var firstColumns = []string{"session", "remember", "device", "ticket"}

// cells is the table of consequences: a row for each event, a column for each kind.
func (p *policy) cells() [][]string {
	var events, kinds []string
	fates := map[[2]string]string{}
	for _, c := range p.Consequences {
		if !slices.Contains(events, c.Event) {
			events = append(events, c.Event)
		}
		if !slices.Contains(kinds, c.Kind) {
			kinds = append(kinds, c.Kind)
		}
		fates[[2]string{c.Event, c.Kind}] = strings.TrimSuffix(c.Fate, " dropped")
	}
	place := func(kind string) int {
		if i := slices.Index(firstColumns, kind); i >= 0 {
			return i
		}
		return len(firstColumns)
	}
	slices.SortFunc(kinds, func(a, b string) int { return cmp.Or(place(a)-place(b), strings.Compare(a, b)) })
	rows := [][]string{append([]string{"EVENT"}, kinds...)}
	for _, event := range events {
		row := []string{event}
		for _, kind := range kinds {
			row = append(row, fates[[2]string{event, kind}])
		}
		rows = append(rows, row)
	}
	return rows
}

// limits lists the fields of an [auth.Limits], by their names.
func limits(v reflect.Value) (all []limit) {
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		switch value := field.Interface().(type) {
		case auth.Limit:
			all = append(all, limit{name, fmt.Sprintf("%d in %s", value.Max, spell(value.Per))})
		case time.Duration:
			all = append(all, limit{name, spell(value)})
		default:
			all = append(all, limit{name, fmt.Sprint(value)})
		}
	}
	return all
}

// spell is a duration without the units that are nothing: "15m", not "15m0s".
func spell(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// markdown writes rows as a table in Markdown, the first as their titles.
func markdown(w io.Writer, rows [][]string) {
	for i, row := range rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(w, "|%s\n", strings.Repeat(" --- |", len(row)))
		}
	}
}
