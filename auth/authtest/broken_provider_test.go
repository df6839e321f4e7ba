package authtest_test

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

// pins is a provider that is as correct as one with PINs can be. Its flaws
// break it.
type pins struct {
	m *auth.Manager
	flaws
}

type flaws struct {
	name          string
	pattern       string // one more
	kind          auth.Kind
	names         int // how often Name was called
	unstable      bool
	failMount     bool
	formOnly      bool
	method        string // of the proof
	tellUnknown   bool   // another answer for unknown users
	tellDisabled  bool
	tellNothing   bool // no event
	noNobody      bool // unknown users take fewer steps
	emptyIsFine   bool // an empty PIN is right
	badIs500      bool // what cannot be read is an outage
	get           bool // logs in by GET
	query         bool // takes fields from the query
	ownCookie     bool // sets the session cookie whatever the gate says
	unlimited     bool
	limitKnown    bool // limits only accounts that there are
	compareFirst  bool // right answers are not limited
	outageIsWrong bool
	tellOutage    bool
	tellPIN       bool
	lockOnOutage  bool // after an outage nobody may log in
	locked        bool
	cacheable     bool
}

func (p *pins) Name() string {
	p.names++
	if p.unstable {
		return fmt.Sprint("pin-", p.names)
	}
	if p.name != "" {
		return p.name
	}
	return "pin"
}

func (p *pins) Kinds() []auth.Kind {
	kinds := []auth.Kind{{Name: "pin", Role: auth.FirstFactor}}
	if p.kind.Name != "" || p.kind.Role != "" {
		kinds = append(kinds, p.kind)
	}
	return kinds
}

func (p *pins) Mount(m *auth.Manager, mux auth.Mux) error {
	p.m = m
	if p.failMount {
		return errDown
	}
	mux.Handle("POST /pin", http.HandlerFunc(p.post))
	if p.pattern != "" {
		mux.Handle(p.pattern, http.HandlerFunc(p.post))
	}
	if p.get {
		mux.Handle("GET /pin", http.HandlerFunc(p.post))
	}
	return nil
}

// fields reads user and pin.
func (p *pins) fields(r *http.Request) (user, pin string, err error) {
	if p.query && r.URL.RawQuery != "" || p.get && r.Method != http.MethodPost {
		return r.URL.Query().Get("user"), r.URL.Query().Get("pin"), nil
	}
	bad := func(err error) error {
		if p.badIs500 {
			return err
		}
		return &auth.Problem{Status: 400, Code: "malformed", Err: err}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 4096))
	if err != nil {
		return "", "", bad(err)
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") && !p.formOnly {
		var v struct{ User, PIN string }
		if err := json.Unmarshal(body, &v); err != nil {
			return "", "", bad(err)
		}
		user, pin = v.User, v.PIN
	} else {
		v, err := url.ParseQuery(string(body))
		if err != nil {
			return "", "", bad(err)
		}
		user, pin = v.Get("user"), v.Get("pin")
	}
	if user == "" || pin == "" && !p.emptyIsFine {
		return "", "", &auth.Problem{Status: 422, Code: "invalid_field"}
	}
	return user, pin, nil
}

func (p *pins) post(w http.ResponseWriter, r *http.Request) {
	if p.cacheable {
		w.Header().Set("Cache-Control", "public, max-age=60")
		w = keepHeader{w}
	}
	user, pin, err := p.fields(r)
	if err == nil {
		err = p.logIn(w, r, user, pin)
	}
	if p.outageIsWrong {
		if _, ok := errors.AsType[*auth.OwedError](err); err != nil && !ok && !errors.Is(err, auth.ErrBadCredentials) {
			if _, ok := errors.AsType[*auth.Problem](err); !ok {
				err = auth.ErrBadCredentials
			}
		}
	}
	if p.tellOutage && err != nil && !errors.Is(err, auth.ErrBadCredentials) {
		err = &auth.Problem{Status: 503, Code: "unavailable", Detail: err.Error()}
	}
	if p.ownCookie && err != nil {
		w.Header().Add("Set-Cookie", "__Host-sid=x; Path=/; Secure; HttpOnly")
	}
	p.m.Finish(w, r, err, "")
}

// keepHeader makes what is set first stay.
type keepHeader struct{ http.ResponseWriter }

func (k keepHeader) WriteHeader(status int) {
	k.Header().Set("Cache-Control", "public, max-age=60")
	k.ResponseWriter.WriteHeader(status)
}

func (p *pins) logIn(w http.ResponseWriter, r *http.Request, user, pin string) error {
	ctx := r.Context()
	if p.locked {
		return errDown
	}
	known := true
	c, err := p.m.Store().LoadCredential(ctx, "pin", user)
	if errors.Is(err, auth.ErrNotFound) {
		known, c.UserID = false, p.m.Nobody()
	} else if err != nil {
		p.locked = p.lockOnOutage
		return err
	}
	if !known && p.noNobody {
		return p.refuse(r, user, "unknown")
	}
	right := known && subtle.ConstantTimeCompare([]byte(pin), c.Data) == 1 || p.emptyIsFine && pin == ""
	u, err := p.m.Users().LoadUser(ctx, c.UserID)
	active := err == nil && u.(authtest.User).IsActive()
	if err != nil && !errors.Is(err, auth.ErrNotFound) {
		return err
	}
	var attempt *auth.Attempt
	if !p.unlimited && (known || !p.limitKnown) && !(p.compareFirst && right) {
		if attempt, err = p.m.Attempt(r, "pin", user, c.UserID); err != nil {
			return err
		}
	}
	switch {
	case p.tellDisabled && known && !active:
		_ = p.refuse(r, c.UserID, "disabled")
		return &auth.Problem{Status: 401, Code: "bad_credentials", Detail: "You are locked out.", Err: auth.ErrBadCredentials}
	case p.tellUnknown && !known:
		_ = p.refuse(r, user, "unknown")
		return &auth.Problem{Status: 401, Code: "bad_credentials", Detail: "Who is that?", Err: auth.ErrBadCredentials}
	case !right || !active:
		if p.tellPIN {
			return p.refuse(r, c.UserID, "wrong PIN "+pin)
		}
		return p.refuse(r, c.UserID, "wrong")
	}
	proof := auth.Proof{Method: p.Name(), Kind: c.Kind, Key: c.Key, Generation: c.Generation}
	if p.method != "" {
		proof.Method = p.method
	}
	if err := p.m.LogIn(w, r, c.UserID, proof); err != nil {
		return err
	}
	if attempt != nil {
		attempt.Succeeded(w, r, c.UserID)
	}
	return nil
}

func (p *pins) refuse(r *http.Request, userID, reason string) error {
	if !p.tellNothing {
		p.m.Emit(r, auth.Event{Name: "login.failed", UserID: userID, Method: "pin", Reason: reason})
	}
	return auth.ErrBadCredentials
}

// pinTest is what TestProvider has to know of pins.
func pinTest(provider func() auth.Provider) authtest.ProviderTest {
	return authtest.ProviderTest{
		New:   func(*testing.T) auth.Provider { return provider() },
		Store: func(*testing.T) auth.Store { return newRef() },
		Path:  "/pin",
		Prepare: func(t *testing.T, m *auth.Manager) string {
			id, err := m.CreateUser(t.Context(), auth.Profile{}, func(id string) []auth.Credential {
				return []auth.Credential{{Kind: "pin", Key: "ada", Data: []byte("31415926")}}
			})
			if err != nil {
				t.Fatal(err)
			}
			return id
		},
		Right:   map[string]string{"user": "ada", "pin": "31415926"},
		Wrong:   map[string]string{"user": "ada", "pin": "27182818"},
		Unknown: map[string]string{"user": "bob", "pin": "27182818"},
	}
}

func providerSuite() suite {
	s := suite{name: "Provider", correct: func(t *testing.T) {
		authtest.TestProvider(t, pinTest(func() auth.Provider { return &pins{} }))
	}}
	for _, b := range []struct {
		sentence string
		flaws    flaws
		want     []string
	}{
		{"Name is in lower-case letters, digits and hyphens", flaws{name: "Pin Code"}, []string{"Name"}},
		{"Name is unique: and stays so", flaws{unstable: true}, []string{"Name"}},
		{"patterns are a method, a space and a path", flaws{pattern: "/pin"}, []string{"Patterns"}},
		{"patterns are of literal segments and {names}", flaws{pattern: "GET /pin/{rest...}"}, []string{"Patterns"}},
		{"patterns are without prefix", flaws{pattern: "GET /auth/pin"}, []string{"Patterns"}},
		{"kinds have roles", flaws{kind: auth.Kind{Name: "other", Role: "third factor"}}, []string{"Kinds"}},
		{"kinds have names", flaws{kind: auth.Kind{Role: auth.Device}}, []string{"Kinds"}},
		{"kinds are different", flaws{kind: auth.Kind{Name: "pin", Role: auth.FirstFactor}}, []string{"Kinds"}},
		{"Mount returns an error if something is missing", flaws{failMount: true}, []string{"Mount"}},
		{"forms and JSON both log in", flaws{formOnly: true}, []string{"Right", "Right/JSON"}},
		{"Name is the Method of its proofs", flaws{method: "password"}, []string{"Right"}},
		{"unknown and wrong are the same", flaws{tellUnknown: true}, []string{"Wrong", "Wrong/form", "Wrong/JSON"}},
		{"a refusal is told", flaws{tellNothing: true}, []string{"Wrong"}},
		{"disabled and wrong are the same", flaws{tellDisabled: true}, []string{"Disabled"}},
		{"unknown, wrong and disabled take the same steps", flaws{noNobody: true}, []string{"SameSteps"}},
		{"what is missing logs nobody in", flaws{emptyIsFine: true}, []string{"Missing"}},
		{"what cannot be read is the client's fault", flaws{badIs500: true}, []string{"Missing"}},
		{"GET and HEAD never log in", flaws{get: true}, []string{"GetLogsNobodyIn"}},
		{"what is proved is in the body", flaws{query: true}, []string{"QueryLogsNobodyIn"}},
		{"wrong never sets a session cookie", flaws{ownCookie: true}, []string{"Wrong", "HalfDone", "Missing"}},
		{"guesses are limited", flaws{unlimited: true}, []string{"Limited"}},
		{"guesses are limited: at unknown users", flaws{limitKnown: true}, []string{"Limited", "SameSteps"}},
		{"guesses are limited: right ones included", flaws{compareFirst: true}, []string{"Limited"}},
		{"an outage is a 5xx", flaws{outageIsWrong: true}, []string{"Outages"}},
		{"nothing of an outage reaches the client", flaws{tellOutage: true}, []string{"Outages"}},
		{"when the store is back, logins work again", flaws{lockOnOutage: true}, []string{"Outages"}},
		{"no secret is in an event or in the log", flaws{tellPIN: true}, []string{"TellsNoSecrets"}},
		{"no cache keeps an answer", flaws{cacheable: true}, []string{"Right", "Wrong"}},
	} {
		s.broken = append(s.broken, broken{b.sentence, func(t *testing.T) {
			authtest.TestProvider(t, pinTest(func() auth.Provider { return &pins{flaws: b.flaws} }))
		}, b.want})
	}
	open := pinTest(func() auth.Provider { return &pins{} })
	open.Options = func(o *auth.Options) {
		o.CrossOrigin = http.NewCrossOriginProtection()
		o.CrossOrigin.AddInsecureBypassPattern("/")
	}
	s.broken = append(s.broken, broken{"a cross-site login is refused", func(t *testing.T) { authtest.TestProvider(t, open) }, []string{"CrossSite"}})
	return s
}
