package main

import (
	"strconv"

	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
)

// newStandIn makes a Hearth server that believes everybody.
func newStandIn() *oauthtest.Server {
	s := oauthtest.New(&oauthtest.Options{People: []oauthtest.Person{
		{Login: "ada", Name: "Ada Lovelace", Email: "ada@example.com", EmailVerified: true},
		{Login: "bob", Name: "Bob", Email: "bob@example.com", EmailVerified: false},
	}})
	s.SetScript(oauthtest.Script{Answer: map[oauthtest.Endpoint]func(oauthtest.Flow, map[string]any){oauthtest.OIDCUserInfo: profile}})
	return s
}

// profile makes of what an OpenID provider says of a person what Hearth says.
func profile(f oauthtest.Flow, fields map[string]any) {
	p := f.Person
	clear(fields)
	if id, err := strconv.Atoi(p.Subject); err == nil {
		fields["id"] = id
	}
	fields["handle"], fields["name"], fields["mail"] = p.Login, p.Name, p.Email
	fields["mail_confirmed"] = p.EmailVerified
}
