package oauth

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// The attacks on flows, by the numbers of docs/oauth-security.md. Those that need an
// identity provider which speaks HTTP are elsewhere.

// query returns a parameter of an address.
func query(t testing.TB, address, name string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get(name)
}

func TestOA01ForgedCallback(t *testing.T) {
	s := newSite(t)
	attacker, victim := s.browser(), s.browser()
	own := s.a.answer(attacker.start("alpha"), bob())
	victim.refused("a callback without a transaction", victim.get(own), http.StatusBadRequest)
	state := newSecret().String()
	victim.refused("a state that nobody began", victim.get("/auth/oauth/alpha/callback?code=x&state="+state), http.StatusBadRequest)
	if n := s.a.tokenRequests(); n != 0 {
		t.Errorf("%d token requests", n)
	}
}

func TestOA02StateIsOurs(t *testing.T) {
	s := newSite(t, func(set *setup) { set.opts.Starts = auth.Limit{Max: 20000, Per: time.Minute} })
	j := s.browser()
	r := j.do(http.MethodPost, "/auth/oauth/alpha?state=ATTACKER", "state", "ATTACKER", "nonce", "ATTACKER", "code_verifier", "ATTACKER", "redirect_uri", "https://evil.example")
	if strings.Contains(r.location(), "ATTACKER") || strings.Contains(r.location(), "evil") {
		t.Errorf("what the client sent is in %s", r.location())
	}
	seen := map[string]bool{}
	for i := range 10_000 {
		if i%3 == 0 { // some have begun before
			j = s.browser()
		}
		to := j.start("alpha")
		state, nonce := query(t, to, "state"), query(t, to, "nonce")
		verifier := s.a.begun[len(s.a.begun)-1].verifier
		for _, v := range []string{state, nonce, verifier} {
			if len(v) != 43 || seen[v] {
				t.Fatalf("%q is short, or was there before", v)
			}
			seen[v] = true
		}
	}
}

func TestOA03StateOfAnotherBrowser(t *testing.T) {
	s := newSite(t)
	attacker, victim := s.browser(), s.browser()
	victim.start("alpha") // has a cookie of its own
	back := s.a.answer(attacker.start("alpha"), bob())
	victim.refused("the attacker's state and code", victim.get(back), http.StatusBadRequest)
	attacker.refused("and it is used up", attacker.get(back), http.StatusBadRequest)
	if n := s.a.tokenRequests(); n != 0 {
		t.Errorf("%d token requests", n)
	}
}

func TestOA04MalformedCallbacks(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	to := j.start("alpha")
	state := query(t, to, "state")
	good := s.a.answer(to, ada())
	code := query(t, good, "code")
	for _, q := range []string{
		"",
		"code=" + code,
		"state=" + state,
		"state=&code=" + code,
		"state=" + state + "&code=",
		"state=" + state + "&state=" + state + "&code=" + code,
		"state=" + state + "&state=b&code=" + code,
		"state=" + state + "&code=" + code + "&code=" + code,
		"state=" + state + "&code=" + code + "&code=b",
		"state=" + state + "&code=" + code + "&error=access_denied",
		"state=" + state + "&error=a&error=b",
		"state=" + state + "&code=" + code + "&iss=a&iss=b",
		"state=" + state + "x&code=" + code,
		"state=" + state[:42] + "&code=" + code,
		"state=" + strings.ToUpper(state) + "&code=" + code,
		"state=" + state + "&code=" + strings.Repeat("c", maxCode+1),
		"state=" + state + "&code=" + code + "&access_token=t",
		"state=" + state + "&code=" + code + "&id_token=t",
		"state=" + state + "&access_token=t&token_type=bearer",
		"state=" + state + "&code=" + code + "&x=" + strings.Repeat("x", maxQuery),
		"state=" + state + "&code=" + code + ";a=b&%zz",
	} {
		j.refused(q, j.get("/auth/oauth/alpha/callback?"+q), http.StatusBadRequest)
	}
	if n := s.a.tokenRequests(); n != 0 {
		t.Errorf("%d token requests", n)
	}
	// Nothing of this has used the transaction up, nor what the real ones add.
	if j.get(good); j.who() == "" {
		t.Error("and then the good one is refused")
	}
}

func TestOA05Replay(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	back := s.a.answer(j.start("alpha"), ada())
	j.get(back)
	if j.who() == "" {
		t.Fatal("the first is refused")
	}
	j.logOut()
	j.refused("the second", j.get(back), http.StatusBadRequest)

	const callers = 20
	back = s.a.answer(j.start("alpha"), ada())
	before := s.a.tokenRequests()
	var wg sync.WaitGroup
	jars := make([]*jar, callers)
	for i := range jars {
		jars[i] = &jar{s: s, cookies: map[string]string{}, header: http.Header{}}
		for k, v := range j.cookies {
			jars[i].cookies[k] = v
		}
		wg.Go(func() { jars[i].get(back) })
	}
	wg.Wait()
	in := 0
	for _, k := range jars {
		if k.who() != "" {
			in++
		}
	}
	if n := s.a.tokenRequests() - before; in != 1 || n != 1 {
		t.Errorf("%d are logged in by %d token requests, want one by one", in, n)
	}
}

func TestOA06StaleAndBounded(t *testing.T) {
	s := newSite(t, func(set *setup) { set.opts.MaxOpen = 40 })
	j := s.browser()
	back := s.a.answer(j.start("alpha"), ada())
	s.clock.Advance(lifetime + time.Second)
	j.refused("after ten minutes", j.get(back), http.StatusBadRequest)

	back = s.a.answer(j.start("alpha"), ada())
	s.clock.Advance(lifetime - time.Second)
	if j.get(back); j.who() == "" {
		t.Error("just before ten minutes it is refused")
	}
	j.logOut()

	s.clock.Advance(time.Hour)
	j = s.browser()
	first := s.a.answer(j.start("alpha"), ada())
	second := s.b.answer(j.start("beta"), Account{Subject: "77"})
	var last string
	for range perBrowser - 1 {
		last = s.a.answer(j.start("alpha"), ada())
	}
	j.refused("the oldest of one too many", j.get(first), http.StatusBadRequest)
	for name, back := range map[string]string{"second": second, "newest": last} {
		if j.get(back); j.who() == "" {
			t.Errorf("the %s is refused", name)
		}
		j.logOut()
	}
	for n := 0; ; n++ {
		r := s.browser().do(http.MethodPost, "/auth/oauth/alpha")
		if r.Code == http.StatusTooManyRequests && r.Header().Get("Retry-After") != "" {
			break
		}
		if n > 40 {
			t.Fatal("more are begun than MaxOpen")
		}
	}
}

func TestOA06PerNetwork(t *testing.T) {
	s := newSite(t)
	from := func(addr string) int {
		r := httptest.NewRequest(http.MethodPost, authtest.Origin+"/auth/oauth/alpha", nil)
		r.RemoteAddr = addr
		w := httptest.NewRecorder()
		s.h.ServeHTTP(w, r)
		if policy := w.Header().Get("RateLimit-Policy"); w.Code == http.StatusTooManyRequests && policy != `"attempts";q=60;w=60` {
			t.Errorf("RateLimit-Policy %s", policy)
		}
		return w.Code
	}
	for i := range 60 {
		if code := from("192.0.2.7:1"); code != http.StatusSeeOther {
			t.Fatalf("start %d: %d", i+1, code)
		}
	}
	if code := from("192.0.2.7:1"); code != http.StatusTooManyRequests {
		t.Errorf("start 61: %d", code)
	}
	if code := from("192.0.2.8:1"); code != http.StatusSeeOther {
		t.Errorf("from elsewhere: %d", code)
	}
}

func (j *jar) startLink() string {
	j.s.t.Helper()
	return j.start("alpha/link")
}

func TestOA07LinkOfAnotherSession(t *testing.T) {
	s := newSite(t)
	attacker, victim := s.browser(), s.browser()
	attacker.register("eve@example.com")
	v := victim.register("ada@example.com")
	to := attacker.startLink()
	// The attacker lets the victim open the address: it is the victim's account there.
	back := s.a.answer(to, ada())
	if r := victim.get(back); r.Code != http.StatusBadRequest {
		t.Errorf("in the victim's browser: %d to %q", r.Code, r.location())
	}
	// Even with the attacker's cookie in the victim's browser.
	back = s.a.answer(attacker.startLink(), ada())
	victim.cookies["__Host-oauth"] = attacker.cookies["__Host-oauth"]
	if r := victim.get(back); r.Code != http.StatusBadRequest {
		t.Errorf("with the attacker's cookie: %d to %q", r.Code, r.location())
	}
	if n := s.a.tokenRequests(); n != 0 {
		t.Errorf("%d token requests", n)
	}
	if got := s.links(v); len(got) != 0 {
		t.Errorf("linked: %v", got)
	}
}

func TestOA08LinkCSRF(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	id := j.register("ada@example.com")
	for _, path := range []string{"alpha", "alpha/link", "alpha/unlink", "alpha/confirm"} {
		if r := j.get("/auth/oauth/" + path); r.Code != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d", path, r.Code)
		}
		j.header.Set("Sec-Fetch-Site", "cross-site")
		if r := j.do(http.MethodPost, "/auth/oauth/"+path); r.Code != http.StatusForbidden {
			t.Errorf("POST %s from another site: %d", path, r.Code)
		}
		j.header.Del("Sec-Fetch-Site")
	}
	nobody := s.browser()
	for _, path := range []string{"alpha/link", "alpha/unlink", "alpha/confirm"} {
		if r := nobody.do(http.MethodPost, "/auth/oauth/"+path); r.Code != http.StatusSeeOther || !strings.HasPrefix(r.location(), "/auth/login") {
			t.Errorf("POST %s by nobody: %d to %q", path, r.Code, r.location())
		}
	}

	back := s.a.answer(j.startLink(), ada())
	j.logOut()
	if r := j.get(back); r.Code != http.StatusSeeOther && r.Code < 400 {
		t.Errorf("after log-out: %d to %q", r.Code, r.location())
	}
	j.do(http.MethodPost, "/auth/login", "email", "ada@example.com", "password", goodPassword)
	back = s.a.answer(j.startLink(), ada())
	j.do(http.MethodPost, "/auth/login", "email", "ada@example.com", "password", goodPassword)
	if r := j.get(back); r.Code != http.StatusBadRequest {
		t.Errorf("after another login of the same user: %d to %q", r.Code, r.location())
	}
	back = s.a.answer(j.startLink(), ada())
	other := j.register("bob@example.com")
	if r := j.get(back); r.Code != http.StatusBadRequest {
		t.Errorf("after a switch of accounts: %d to %q", r.Code, r.location())
	}
	if n := s.a.tokenRequests(); n != 0 {
		t.Errorf("%d token requests", n)
	}
	if got := append(s.links(id), s.links(other)...); len(got) != 0 {
		t.Errorf("linked: %v", got)
	}
}

func TestOA08LinkNeedsFreshProof(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	j.register("ada@example.com")
	s.clock.Advance(11 * time.Minute)
	for _, path := range []string{"alpha/link", "alpha/unlink"} {
		r := j.do(http.MethodPost, "/auth/oauth/"+path)
		if r.Code != http.StatusSeeOther || r.location() != "/auth/confirm?next=%2Fauth%2Faccounts" {
			t.Errorf("POST %s: %d to %q", path, r.Code, r.location())
		}
	}
}

// Who acts for somebody else leaves no way in behind.
func TestOA08NotOnBehalf(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	id := j.register("ada@example.com")
	j.get(s.a.answer(j.startLink(), ada()))
	for _, path := range []string{"alpha/link", "alpha/unlink", "alpha/confirm"} {
		r := httptest.NewRequest(http.MethodPost, authtest.Origin+"/auth/oauth/"+path, nil)
		r.Header.Set("Accept", "application/json")
		u, err := s.users.LoadUser(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		acting := auth.Identity{UserID: id, User: u, Actor: "admin", Session: &auth.Session{UserID: id, Actor: "admin"}, Proofs: []auth.Proof{{Method: "password", At: t0}}}
		s.h.ServeHTTP(w, r.WithContext(auth.WithIdentity(r.Context(), &acting)))
		if w.Code != http.StatusForbidden || len(s.links(id)) != 1 {
			t.Errorf("%s: %d %s, links %v", path, w.Code, w.Body, s.links(id))
		}
	}
}

func TestOA09StepUpWithAnotherAccount(t *testing.T) {
	s := newSite(t)
	j, k := s.browser(), s.browser()
	j.logIn(ada())
	k.logIn(bob())
	id := j.who()
	s.clock.Advance(11 * time.Minute)
	session := j.cookies["__Host-sid"]
	for what, a := range map[string]Account{"bob's": bob(), "nobody's": {Subject: "9"}} {
		r := j.get(s.a.answer(j.start("alpha/confirm"), a))
		if r.Code != http.StatusForbidden {
			t.Errorf("%s account: %d to %q", what, r.Code, r.location())
		}
		if j.cookies["__Host-sid"] != session || j.get("/fresh").Code == http.StatusOK {
			t.Errorf("%s account changed the session", what)
		}
	}
	if r := j.get(s.a.answer(j.start("alpha/confirm", "next", "/fresh"), ada())); r.location() != "/fresh" {
		t.Fatalf("with the right one: %d to %q", r.Code, r.location())
	}
	if j.get("/fresh").Code != http.StatusOK || j.who() != id || j.cookies["__Host-sid"] == session {
		t.Error("with the right one it is not fresh, or the session is the old one")
	}
	if !slices.ContainsFunc(s.a.begun, func(f flow) bool { return f.stepUp }) {
		t.Error("the identity provider was not asked to make sure")
	}
}

func TestOA10CodeOfAnotherFlow(t *testing.T) {
	s := newSite(t)
	attacker, victim := s.browser(), s.browser()
	stolen := query(t, s.a.answer(victim.start("alpha"), ada()), "code")
	own := s.a.answer(attacker.start("alpha"), bob())
	r := attacker.get(strings.Replace(own, query(t, own, "code"), stolen, 1))
	attacker.refused("a stolen code", r, http.StatusBadRequest)
}

func TestOA12MixUp(t *testing.T) {
	s := newSite(t, func(set *setup) { set.fakeA = &fake{name: "alpha", iss: "https://alpha.example"} })
	j := s.browser()
	// Alpha is the attacker's: it gives the browser a code of beta's.
	to := j.start("alpha")
	code := query(t, s.b.answer(s.browser().start("beta"), ada()), "code")
	state := query(t, to, "state")
	j.refused("a code of another", j.get("/auth/oauth/alpha/callback?state="+state+"&code="+code), http.StatusBadRequest)
	if n := s.b.tokenRequests(); n != 0 {
		t.Errorf("beta was asked %d times", n)
	}
	asked := s.a.tokenRequests()
	state = query(t, j.start("alpha"), "state")
	j.refused("another issuer", j.get("/auth/oauth/alpha/callback?state="+state+"&code="+code+"&iss="+url.QueryEscape("https://beta.example")), http.StatusBadGateway)
	if n := s.a.tokenRequests(); n != asked {
		t.Error("another issuer, and the code was sent")
	}
	s.a.issMust = true
	state = query(t, j.start("alpha"), "state")
	j.refused("no issuer where one must be", j.get("/auth/oauth/alpha/callback?state="+state+"&code="+code), http.StatusBadGateway)
	if n := s.a.tokenRequests(); n != asked {
		t.Error("no issuer, and the code was sent")
	}
	if j.logIn(ada()); j.who() == "" {
		t.Error("with the right issuer it is refused")
	}
}

func TestOA13CallbackOfAnotherConnector(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	back := s.a.answer(j.start("alpha"), ada())
	wrong := strings.Replace(back, "/alpha/", "/beta/", 1)
	j.refused("at beta's callback", j.get(wrong), http.StatusBadRequest)
	j.refused("and it is used up", j.get(back), http.StatusBadRequest)
	back = s.a.answer(j.start("alpha"), ada())
	if j.get(back + "&provider=beta&connector=beta"); j.who() == "" || s.b.tokenRequests() != 0 {
		t.Error("the query says which connector")
	}
	if a, b := s.a.begun[0].callback, s.p.callbackURL(s.p.connector("beta")); a == b {
		t.Errorf("both have the redirect URI %s", a)
	}
}

func TestOA14Tenants(t *testing.T) {
	store := memory.New(nil)
	tenant := func(realm string) *site {
		return newSite(t, func(set *setup) { set.auth.Realm = realm }, func(set *setup) { set.onStore(store) })
	}
	red, blue := tenant("red"), tenant("blue")
	j := red.browser()
	back := red.a.answer(j.start("alpha"), ada())
	k := blue.browser()
	for name, value := range j.cookies {
		k.cookies[strings.Replace(name, "red", "blue", 1)] = value
	}
	k.refused("a transaction of another tenant", k.get(back), http.StatusBadRequest)
	if blue.a.tokenRequests() != 0 {
		t.Error("the code was sent")
	}
	if j.get(back); j.who() == "" {
		t.Error("in its own tenant it is refused")
	}
	// Not by the store's doing alone.
	if a, b := newTags("red"), newTags("blue"); string(a.of([]byte("k"), "state")) == string(b.of([]byte("k"), "state")) {
		t.Error("both have the same digests")
	}
}

func TestOA16Next(t *testing.T) {
	s := newSite(t)
	for _, next := range []string{"//evil.example", "https://evil.example", `/\evil.example`, "/./\\evil.example", "javascript:alert(1)",
		"/%09/evil.example", "/%5cevil.example", "///evil.example", "/\r\nSet-Cookie: a=b", "evil.example", ""} {
		j := s.browser()
		to := j.start("alpha", "next", next)
		if strings.Contains(to, "evil") {
			t.Errorf("%q is in the address: %s", next, to)
		}
		r := j.get(s.a.answer(to, ada()))
		if r.Code != http.StatusSeeOther || r.location() != "/" {
			t.Errorf("%q: %d to %q", next, r.Code, r.location())
		}
		s.clock.Advance(time.Minute)
	}
}

func TestOA17EveryRedirectIs303(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	r := j.do(http.MethodPost, "/auth/oauth/alpha", "next", "/me")
	if r.Code != http.StatusSeeOther || r.text != "" {
		t.Errorf("start: %d %q", r.Code, r.text)
	}
	j.logIn(ada())
	j.get(s.b.answer(j.start("beta/link"), Account{Subject: "77"})) // so that one can be removed
	for _, path := range []string{"alpha/link", "alpha/confirm", "alpha/unlink"} {
		if r := j.do(http.MethodPost, "/auth/oauth/"+path); r.Code != http.StatusSeeOther || r.text != "" {
			t.Errorf("%s: %d %q", path, r.Code, r.text)
		}
	}
}

func TestOA18NothingLeaks(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	to := j.start("alpha", "next", "/me")
	back := s.a.answer(to, ada())
	r := j.get(back)
	for name, want := range map[string]string{"Referrer-Policy": "strict-origin", "Cache-Control": "no-store"} {
		if got := r.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if r.location() != "/me" {
		t.Errorf("to %q", r.location())
	}
	failed := j.get(back)
	code, state := query(t, back, "code"), query(t, back, "state")
	verifier := s.a.begun[0].verifier
	for what, text := range map[string]string{"the page": failed.text, "the log": s.log.String(), "the events": s.eventsText()} {
		for _, secret := range []string{code, state, verifier, j.cookies["__Host-oauth"][:43], "access-" + code, "refresh-" + code} {
			if strings.Contains(text, secret) {
				t.Errorf("%s has %s", what, secret)
			}
		}
	}
	if got := failed.Header().Get("Referrer-Policy"); got != "strict-origin" {
		t.Errorf("Referrer-Policy of the page: %q", got)
	}
}

func TestOA19TokensAreNoLogin(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	state := query(t, j.start("alpha"), "state")
	for _, q := range []string{"access_token=a", "id_token=a", "state=" + state + "&access_token=a", "state=" + state + "&id_token=a&code=c"} {
		j.refused(q, j.get("/auth/oauth/alpha/callback?"+q), http.StatusBadRequest)
	}
	j.do(http.MethodPost, "/auth/oauth/alpha", "access_token", "a", "id_token", "b")
	if j.who() != "" || s.a.tokenRequests() != 0 {
		t.Error("somebody is logged in by a token")
	}
	if r := j.do(http.MethodPost, "/auth/oauth/alpha/callback", "state", state, "code", "c"); r.Code != http.StatusMethodNotAllowed {
		t.Errorf("a form where none is declared: %d", r.Code)
	}
}

func TestOA23NoFrames(t *testing.T) {
	s := newSite(t)
	j, nobody := s.browser(), s.browser()
	j.register("ada@example.com")
	for page, as := range map[string]*jar{"/auth/accounts": j, "/auth/confirm": j, "/auth/login": nobody, "/auth/register": nobody, "/auth/oauth/alpha/callback": nobody} {
		if got := as.get(page).Header().Get("Content-Security-Policy"); !strings.Contains(got, "frame-ancestors 'none'") {
			t.Errorf("%s: %q", page, got)
		}
	}
	csp := nobody.get("/auth/login").Header().Get("Content-Security-Policy")
	if !strings.Contains(csp, "form-action 'self' https://alpha.example https://beta.example") {
		t.Errorf("the login page has %q", csp)
	}
}

func TestOA24ErrorsAreNotReflected(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	for errCode, status := range map[string]int{
		"access_denied": http.StatusForbidden, "server_error": http.StatusServiceUnavailable, "invalid_scope": http.StatusBadGateway,
		"<script>alert(1)</script>": http.StatusBadGateway, "": http.StatusBadGateway,
	} {
		state := query(t, j.start("alpha"), "state")
		back := "/auth/oauth/alpha/callback?" + url.Values{"state": {state}, "error": {errCode},
			"error_description": {"<script>alert(2)</script> call 555-1234"}, "error_uri": {"https://evil.example"}}.Encode()
		r := j.get(back)
		j.refused(errCode, r, status)
		for _, text := range []string{r.text, s.log.String()} {
			if strings.Contains(text, "alert(") || strings.Contains(text, "555-1234") || strings.Contains(text, "evil.example") {
				t.Errorf("%q is reflected in %s", errCode, text)
			}
		}
		j.refused("again", j.get(back), http.StatusBadRequest)
		s.clock.Advance(time.Minute)
	}
	if s.a.tokenRequests() != 0 {
		t.Error("an error, and the token endpoint was asked")
	}
}

// eventsText is every event that was emitted.
func (s *site) eventsText() string {
	var b strings.Builder
	for _, e := range s.events.Events() {
		b.WriteString(e.Name + " " + e.UserID + " " + e.Method + " " + e.Reason + "\n")
	}
	return b.String()
}
