package oauth

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

func compose(origin string, opts *Options, connectors ...*Connector) error {
	_, err := auth.New(memory.NewUsers(), memory.New(nil), &auth.Options{Providers: []auth.Provider{New(origin, opts, connectors...)}})
	return err
}

func TestNewReportsEverything(t *testing.T) {
	err := compose("http://app.example/", &Options{Fresh: -1, Starts: auth.Limit{Max: -1, Per: time.Minute}, MaxOpen: -1},
		connect(&fake{name: "alpha"}, &ConnectorOptions{Name: "Al pha", Title: strings.Repeat("t", 65), Scopes: []string{"a b"},
			AuthParams: map[string]string{"State": "x"}, Domains: []string{"@Example.com"}, Origins: []string{"login.example.net/x"},
			Networks: []netip.Prefix{{}, netip.MustParsePrefix("::ffff:10.0.0.0/104")}, Timeout: time.Hour, KeepTokens: true}),
		connect(&fake{name: "beta"}, nil), connect(&fake{name: "beta"}, nil), nil)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"origin", "Options.Fresh", "Options.Starts", "Options.MaxOpen", "ConnectorOptions.Name", "ConnectorOptions.Title",
		"ConnectorOptions.Scopes", "ConnectorOptions.AuthParams", "ConnectorOptions.Domains", "ConnectorOptions.Networks has invalid", "ConnectorOptions.Networks has ::ffff", "ConnectorOptions.Origins", "ConnectorOptions.Timeout",
		"Options.Keys", `two connectors are named "beta"`, "connector 4 is nil"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
	if err := compose("https://app.example", nil); err == nil || !strings.Contains(err.Error(), "needs a connector") {
		t.Errorf("no connector: %v", err)
	}
}

func TestOrigin(t *testing.T) {
	for origin, good := range map[string]bool{
		"https://app.example": true, "https://app.example:8443": true, "http://localhost:8080": true, "http://127.0.0.1:8080": true, "http://[::1]:8080": true, "http://app.localhost:8080": true,
		"": false, "app.example": false, "https://": false, "https://app.example/": false, "https://app.example/x": false, "http://app.example": false,
		"https://u:p@app.example": false, "https://App.example": false, "ftp://app.example": false, "https://app.example?x": false, "https://app.example#x": false,
		"http://localhost.evil.example": false, "http://notlocalhost": false, "http://10.0.0.1": false,
	} {
		if err := compose(origin, nil, connect(&fake{name: "alpha"}, nil)); (err == nil) != good {
			t.Errorf("%q: %v", origin, err)
		}
	}
}

func TestOneManager(t *testing.T) {
	p := New(authtest.Origin, nil, connect(&fake{name: "alpha"}, nil))
	opts := &auth.Options{Providers: []auth.Provider{p}}
	if _, err := auth.New(memory.NewUsers(), memory.New(nil), opts); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.New(memory.NewUsers(), memory.New(nil), opts); err == nil {
		t.Error("a second Manager")
	}
}

func TestOAuth1KeepsNoTokens(t *testing.T) {
	key := Key{ID: "k", Secret: [32]byte{1}}
	err := compose("https://app.example", &Options{Keys: []Key{key}}, connect(&fake{name: "alpha", oauth1: true}, &ConnectorOptions{KeepTokens: true}))
	if err == nil || !strings.Contains(err.Error(), "KeepTokens") {
		t.Errorf("%v", err)
	}
}

// The options that were given are not kept.
func TestOptionsAreCopied(t *testing.T) {
	o := &ConnectorOptions{Scopes: []string{"a"}, AuthParams: map[string]string{"prompt": "x"}, Domains: []string{"example.com"}}
	c := connect(&fake{name: "alpha"}, o)
	o.Scopes[0], o.AuthParams["prompt"], o.Domains[0], o.Name = "b", "y", "example.net", "other"
	if c.opts.Scopes[0] != "a" || c.opts.AuthParams["prompt"] != "x" || c.opts.Domains[0] != "example.com" || c.Name() != "alpha" {
		t.Errorf("%+v", c.opts)
	}
}
