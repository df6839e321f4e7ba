package apikey_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/apikey"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

func compose(p *apikey.Provider) error {
	_, err := auth.New(authtest.NewUsers(), memory.New(nil), &auth.Options{Providers: []auth.Provider{p}, Loaders: []auth.RequestLoader{p}, Logger: discard})
	return err
}

// Everything that is wrong is reported at once, by auth.New.
func TestOptions(t *testing.T) {
	err := compose(apikey.New(&apikey.Options{
		Prefix:      "G_",
		Header:      "X Key",
		Scopes:      []apikey.Scope{{Name: "a b"}, {Name: "admin"}, {Name: "admin"}},
		Lifetime:    time.Hour,
		MaxLifetime: 400 * 24 * time.Hour,
		PerUser:     -1,
		Fresh:       -time.Second,
	}))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"Options.Prefix", "Options.Header", `Options.Scopes[0] is named "a b"`, `two named "admin"`,
		"Options.Lifetime", "Options.MaxLifetime", "Options.PerUser", "Options.Fresh"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing is said of %s in:\n%v", want, err)
		}
	}
	many := make([]apikey.Scope, 101)
	for i := range many {
		many[i].Name = fmt.Sprint("scope", i)
	}
	day := 24 * time.Hour
	for _, tt := range []struct {
		opts *apikey.Options
		want string
	}{
		{nil, ""},
		{&apikey.Options{Prefix: "a1", Header: "x-api-key", PerUser: 1, Fresh: time.Second}, ""},
		{&apikey.Options{Prefix: strings.Repeat("a", 12)}, ""},
		{&apikey.Options{Prefix: strings.Repeat("a", 13)}, "Prefix"},
		{&apikey.Options{Prefix: "a"}, "Prefix"},
		{&apikey.Options{Prefix: "GK"}, "Prefix"},
		{&apikey.Options{Header: "authorization"}, "Header"},
		{&apikey.Options{Header: "cookie"}, "Header"},
		{&apikey.Options{Header: "proxy-authorization"}, "Header"},
		{&apikey.Options{Scopes: many[:100]}, ""},
		{&apikey.Options{Scopes: many}, "Scopes"},
		{&apikey.Options{Scopes: []apikey.Scope{{Name: ""}}}, "Scopes[0]"},
		{&apikey.Options{MaxLifetime: day}, ""},
		{&apikey.Options{MaxLifetime: day - 1}, "MaxLifetime"},
		{&apikey.Options{MaxLifetime: 366 * day, Lifetime: 366 * day}, ""},
		{&apikey.Options{MaxLifetime: 366*day + 1}, "MaxLifetime"},
		{&apikey.Options{MaxLifetime: 3660 * day, InsecureNoExpiry: true}, ""},
		{&apikey.Options{MaxLifetime: 30 * day, Lifetime: 31 * day}, "Lifetime"},
		{&apikey.Options{Lifetime: day - 1}, "Lifetime"},
		{&apikey.Options{PerUser: 1001}, "PerUser"},
	} {
		err := compose(apikey.New(tt.opts))
		if (err != nil) != (tt.want != "") || err != nil && !strings.Contains(err.Error(), "Options."+tt.want) {
			t.Errorf("%+v: %v, want %q", tt.opts, err, tt.want)
		}
	}
}

// The options are not kept.
func TestOptionsAreCopied(t *testing.T) {
	offered := scopes()
	s := newSite(t, &apikey.Options{Scopes: offered})
	offered[0].Name = "changed"
	if _, err := s.keys.Create(t.Context(), "ada", apikey.NewKey{Name: "x", Scopes: []string{"orders:read"}}); err != nil {
		t.Error(err)
	}
}

func TestOneManager(t *testing.T) {
	p := apikey.New(nil)
	if err := compose(p); err != nil {
		t.Fatal(err)
	}
	if err := compose(p); err == nil || !strings.Contains(err.Error(), "one Manager") {
		t.Errorf("one Provider serves two Managers: %v", err)
	}
}

// Half of it would serve pages for keys that open nothing, or read keys that
// nobody can make.
func TestBothLists(t *testing.T) {
	users, store := authtest.NewUsers(), memory.New(nil)
	_, err := auth.New(users, store, &auth.Options{Providers: []auth.Provider{apikey.New(nil)}})
	if err == nil || !strings.Contains(err.Error(), "Options.Loaders as well") {
		t.Errorf("in Providers only: %v", err)
	}
	_, err = auth.New(users, store, &auth.Options{Loaders: []auth.RequestLoader{apikey.New(nil)}})
	if err == nil || !strings.Contains(err.Error(), "Options.Providers as well") {
		t.Errorf("in Loaders only: %v", err)
	}
}
