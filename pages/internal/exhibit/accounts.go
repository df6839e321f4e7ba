package exhibit

import (
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// What the provider of OAuth gives its page.
type (
	accountList struct {
		Linked    []linked
		Available []available
		Stale     bool
	}
	linked struct {
		Connector, Title, Subject, Label string
		LinkedAt, UsedAt                 time.Time
		Last                             bool
	}
	available struct{ Connector, Title string }
)

// oauthForm is a button that leads to another site; to ends the path of what is no
// login.
func oauthForm(connector, to, submit string) auth.Form {
	return auth.Form{Name: "oauth." + connector, Action: "/oauth/" + connector + to, Submit: submit, Origins: []string{"https://" + connector + ".example"}}
}

func linkForm(connector, title string) auth.Form {
	f := oauthForm(connector, "/link", "Link "+title)
	f.Name = "link." + connector
	return f
}

func unlinkForm(a linked) auth.Form {
	return auth.Form{Name: "unlink." + a.Connector, Action: "/oauth/" + a.Connector + "/unlink", Submit: "Remove " + a.Title,
		Fields: []auth.Field{{Name: "account", Type: "hidden", Value: a.Subject}}}
}

type accountsState struct {
	name    string
	page    auth.Page
	problem *auth.Problem
}

// accounts returns the page "accounts" in its states.
func accounts() []accountsState {
	ada := linked{"github", "GitHub", "583231", "ada-lovelace", at(3, 12, 15), at(4, 10, 0), false}
	work := linked{"github", "GitHub", "990017", "analytical-engines-ltd", at(4, 9, 0), time.Time{}, false}
	long := linked{"corp", strings.Repeat("Donaudampfschifffahrtsgesellschaft ", 3), "00u1", strings.Repeat("ada.lovelace@", 9) + "example.com", at(5, 9, 0), at(12, 8, 2), false}
	google := available{"google", "Google"}
	all := &accountList{Linked: []linked{ada, work, long}, Available: []available{google, {"apple", "Apple"}}}
	forms := []auth.Form{unlinkForm(ada), unlinkForm(work), unlinkForm(long), linkForm("google", "Google"), linkForm("apple", "Apple")}
	stale := *all
	stale.Stale = true
	last := ada
	last.Last = true
	one := &accountList{Linked: []linked{last}, Available: []available{google}}
	none := &accountList{Available: []available{{"github", "GitHub"}, google}}
	done := auth.Page{Data: all, Forms: forms, Flashes: []auth.Flash{{ID: "oauth.linked", Category: "success"}}}
	return []accountsState{
		{"accounts", auth.Page{Data: all, Forms: forms}, nil},
		{"accounts-flash", done, nil},
		{"accounts-error", auth.Page{Data: all, Forms: forms}, &auth.Problem{Status: 409, Code: "already_linked"}},
		{"accounts-stale", auth.Page{Data: &stale, Next: "/plain/accounts"}, nil},
		{"accounts-last", auth.Page{Data: one, Forms: []auth.Form{linkForm("google", "Google")}}, nil},
		{"accounts-none", auth.Page{Data: none, Forms: []auth.Form{linkForm("github", "GitHub"), linkForm("google", "Google")}}, nil},
		{"accounts-empty", auth.Page{Data: &accountList{}}, nil},
	}
}
