package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// A vault remembers every secret that went over the wire, and who knows it by
// what name.
type vault struct {
	mu      sync.Mutex
	secrets map[string]string
	next    http.RoundTripper
}

func (v *vault) keep(secret, name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if secret != "" {
		v.secrets[secret] = name
	}
}

// RoundTrip keeps the passwords that are sent, and the cookies that are sent
// and received.
func (v *vault) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(body); err != nil {
			return nil, err
		}
		fields := map[string]string{}
		if json.Unmarshal(b.Bytes(), &fields) != nil {
			form, _ := url.ParseQuery(b.String()) // as far as it can be read
			for name := range form {
				fields[name] = form.Get(name)
			}
		}
		for _, name := range []string{"password", "current", "token"} {
			v.keep(fields[name], name)
		}
	}
	for _, c := range r.Cookies() {
		v.keepCookie(c)
	}
	v.keepKeys(r.Header.Get("Authorization"))
	resp, err := v.next.RoundTrip(r)
	if err == nil {
		body, readErr := io.ReadAll(resp.Body)
		resp.Body.Close()
		if readErr != nil {
			return nil, readErr
		}
		resp.Body = io.NopCloser(bytes.NewReader(body))
		v.keepKeys(string(body))
		for _, found := range tokenRE.FindAllStringSubmatch(string(body), -1) {
			v.keep(found[1], "mailed")
		}
		for _, c := range resp.Cookies() {
			v.keepCookie(c)
		}
	}
	return resp, err
}

// tokenRE finds what is in the links of mail, and in those that pages and mail show.
var tokenRE = regexp.MustCompile(`[?&]token=([A-Za-z0-9_-]{43})\b`)

// keepKeys keeps the API keys in text, and of each what follows its ID, which is no
// secret.
func (v *vault) keepKeys(text string) {
	for _, key := range keyRE.FindAllString(text, -1) {
		v.keep(key, "key")
		v.keep(key[strings.LastIndexByte(key, '_')+1:], "secret of a key")
	}
}

// keepCookie keeps the value of a cookie, and each half of one that has two secrets.
// The names of messages are none.
func (v *vault) keepCookie(c *http.Cookie) {
	if c.Name == "flash" {
		return
	}
	v.keep(c.Value, "cookie "+c.Name)
	if selector, verifier, ok := strings.Cut(c.Value, "."); ok && c.Name == "remember" {
		v.keep(selector, "selector of "+c.Name)
		v.keep(verifier, "verifier of "+c.Name)
	}
}

// forms returns what a secret could be written as.
func forms(secret string) map[string][]byte {
	f := map[string][]byte{"as it is": []byte(secret)}
	add := func(of string, b []byte) {
		f["bytes"+of] = b
		f["hex"+of] = []byte(hex.EncodeToString(b))
		f["HEX"+of] = []byte(strings.ToUpper(hex.EncodeToString(b)))
		f["base64"+of] = []byte(base64.RawStdEncoding.EncodeToString(b))
		f["base64url"+of] = []byte(base64.RawURLEncoding.EncodeToString(b))
		f["base32"+of] = []byte(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
		f["%v"+of] = []byte(strings.Trim(fmt.Sprint(b), "[]"))
		f["%#v"+of] = []byte(strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", b), "[]byte{"), "}"))
	}
	add(" of the text", []byte(secret))
	if raw, err := base64.RawURLEncoding.DecodeString(secret); err == nil && len(raw) == 32 {
		add(" of the token", raw)
	}
	f["quoted"] = []byte(strings.Trim(fmt.Sprintf("%q", secret), `"`))
	f["in a query"] = []byte(url.QueryEscape(secret))
	return f
}

// finder returns a function that finds the secrets in a dump. It looks at every
// place once, since there are many secrets, and long dumps.
func (v *vault) finder() func(dump []byte) (found []string) {
	type needle struct {
		form []byte
		what string
	}
	const begins = 8 // bytes that needles are found by
	byStart, short := map[[begins]byte][]needle{}, []needle(nil)
	for secret, name := range v.secrets {
		for form, b := range forms(secret) {
			n := needle{b, fmt.Sprintf("%s (%s)", name, form)}
			if len(b) < begins {
				short = append(short, n)
				continue
			}
			byStart[[begins]byte(b)] = append(byStart[[begins]byte(b)], n)
		}
	}
	return func(dump []byte) (found []string) {
		for _, n := range short {
			if bytes.Contains(dump, n.form) {
				found = append(found, n.what)
			}
		}
		for i := range max(0, len(dump)-begins+1) {
			for _, n := range byStart[[begins]byte(dump[i:])] {
				if bytes.HasPrefix(dump[i:], n.form) && !slices.Contains(found, n.what) {
					found = append(found, n.what)
				}
			}
		}
		return found
	}
}

// A printer is a query hook that prints SQL, with and without arguments.
type printer struct{ *logbook }

func (p printer) BeforeQuery(ctx context.Context, e *bun.QueryEvent) context.Context {
	fmt.Fprintln(p, e.Query, e.QueryTemplate, e.QueryArgs, e.Model)
	return ctx
}

func (p printer) AfterQuery(ctx context.Context, e *bun.QueryEvent) { fmt.Fprintln(p, e.Query, e.Err) }

// TestSecrets goes every way that there is, and then looks for every secret in
// all that is kept and logged.
func TestSecrets(t *testing.T) {
	onEach(t, func(t *testing.T, db string) {
		var store auth.Store
		var users people
		var beside []any // what is kept beside the store
		sql := new(logbook)
		d := newDemo(t, db, func(c *config) {
			c.proxies = loopback
			c.oauth = "all"
			c.open = func(ctx context.Context, dsn string) (kept, error) {
				if dsn == "memory:" {
					k, err := openStore(ctx, dsn)
					store, users, beside = k.store, k.users, []any{k.outbox, k.audit}
					return k, err
				}
				db, err := open.DB(dsn)
				if err != nil {
					return kept{}, err
				}
				s, err := bunstore.New(db.WithQueryHook(printer{sql}), &bunstore.Options{CloseDB: true})
				if err != nil {
					return kept{}, err
				}
				return keptIn(ctx, s)
			}
		})
		v := &vault{secrets: map[string]string{}, next: http.DefaultTransport}
		n := 0
		for _, js := range []bool{false, true} {
			everyFlow(t, func() *client {
				c := d.client(t, js)
				c.client.Transport = v
				n++
				c.header.Set("X-Forwarded-For", fmt.Sprintf("10.0.0.%d", n))
				return c
			}, d.Clock, fmt.Sprintf("person-%t@example.com", js))
		}
		everyFlowElsewhere(t, d, v)
		// The mail of all of them was asked for, and none of it sent: it is now.
		for _, js := range []bool{false, true} {
			lifeOfAccount(t, d, js, fmt.Sprintf("life-%t@example.com", js), func() *client {
				c := d.client(t, js)
				c.client.Transport = v
				n++
				c.header.Set("X-Forwarded-For", fmt.Sprintf("10.0.0.%d", n))
				return c
			})
		}
		kinds := map[string]int{}
		for _, name := range v.secrets {
			kinds[name]++
		}
		for _, name := range []string{"password", "current", "cookie sid", "cookie device", "cookie remember", "selector of remember", "verifier of remember", "key", "secret of a key",
			"mailed", "cookie link", "cookie oauth", "issued elsewhere", "state", "nonce", "code", "code_verifier"} {
			if kinds[name] < 2 {
				t.Errorf("%d secrets of kind %q were seen", kinds[name], name)
			}
		}

		dumps := map[string][]byte{"the log": []byte(d.log.String())}
		known := map[string]string{"the log": "remember.reused"} // what must be there, or nothing was looked at
		if db == "memory:" {
			var b bytes.Buffer
			walk(&b, reflect.ValueOf(store), map[uintptr]bool{})
			walk(&b, reflect.ValueOf(users.UserLoader), map[uintptr]bool{})
			for _, v := range beside {
				walk(&b, reflect.ValueOf(v), map[uintptr]bool{})
			}
			dumps["memory"], known["memory"] = b.Bytes(), "person-true@example.com"
		} else {
			dumps["the SQL"], known["the SQL"] = []byte(sql.String()), "BEGIN"
			dumps["the tables"], known["the tables"] = dumpTables(t, db), "person-true@example.com"
			if name, ok := strings.CutPrefix(strings.Fields(db)[0], "file:"); ok {
				dumpFiles(t, name, dumps)
				known[".db-wal"] = "person-true@example.com"
			}
			if where := strings.Fields(db); len(where) > 1 {
				dumps["redis"], known["redis"] = dumpKeys(t, where[1], where[2]), "Go program"
			}
		}
		leaks := v.finder()
		for name, dump := range dumps {
			if !bytes.Contains(dump, []byte(known[name])) {
				t.Errorf("%s: %q is not there: the test sees nothing", name, known[name])
			}
			for _, leak := range leaks(dump) {
				t.Errorf("%s has a %s", name, leak)
			}
		}
		// And it would have been seen.
		for secret := range v.secrets {
			if len(leaks([]byte("x"+secret+"x"))) == 0 || len(leaks([]byte(hex.EncodeToString([]byte(secret))))) == 0 {
				t.Fatal("a secret cannot be found")
			}
		}
	})
}

// everyFlow does everything that can be done with a secret, right and wrong.
func everyFlow(t *testing.T, open func() *client, now *authtest.Clock, email string) {
	const first, second = "first sécret of the person", "second secret: \"quoted\" & <angled>"
	c := open()
	c.post("/auth/register", "email", "taken-"+email, "password", "the password of somebody else")
	c = open()
	c.post("/auth/register", "email", "taken-"+email, "password", "a password for an address that is taken")
	c.post("/auth/register", "email", email, "password", "too short")
	c.post("/auth/register", "email", "no address", "password", "the password for no address")
	c.post("/auth/register", "email", email, "password", strings.Repeat("much too long ", 100))
	c.register(email, first)
	c.post("/auth/logout")

	c = open()
	for i := range 12 { // until it is limited
		c.post("/auth/login", "email", email, "password", fmt.Sprintf("a wrong password, number %d", i))
	}
	c.post("/auth/login", "email", "unknown-"+email, "password", "the password of an unknown person")
	c.post("/auth/login", "email", "the address, typed as password", "password", "typed in the wrong field")
	now.Advance(16 * time.Minute)
	c = open()
	if a := c.post("/auth/login", "email", email, "password", first, "remember", "true"); a.StatusCode != c.ok(200) {
		t.Fatalf("login: %s", a)
	}
	key, id := c.makeKey("a key that is used")
	revoked, _ := c.makeKey("a key that is revoked")
	program := open()
	for _, a := range []answer{program.get("/me", "Authorization", "Bearer "+key), program.get("/me", "Authorization", "Bearer "+revoked)} {
		if a.StatusCode != 200 {
			t.Fatalf("by a key: %s", a)
		}
	}
	c.post("/auth/keys/revoke", "id", id)
	program.get("/me", "Authorization", "Bearer "+key)
	program.get("/me", "Authorization", "Bearer "+key[:len(key)-1])
	program.get("/me?key=" + key)
	program.get("/me", "Cookie", "sid="+key)
	program.post("/auth/keys/revoke", "id", key)
	c.post("/auth/keys/revoke", "id", revoked)
	c.post("/auth/keys", "days", "never")
	c.drop("sid") // the next comes back by being remembered
	if a := c.get("/me"); a.StatusCode != 200 {
		t.Fatalf("coming back: %s", a)
	}
	thief := open()
	for _, js := range []string{"text/html", "application/json"} {
		stayed := open()
		stayed.logIn(email, first, "remember", "true")
		thief.put("remember", stayed.cookie("remember"))
		stayed.drop("sid")
		stayed.get("/me")
		now.Advance(2 * time.Minute)
		if a := thief.get("/me", "Accept", js); a.StatusCode == 200 { // tells of a theft
			t.Fatalf("used twice: %s", a)
		}
		thief.drop("remember")
		stayed.get("/me", "Accept", js)
		stayed.logIn(email, first, "remember", "true")
		stayed.header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36")
		stayed.get("/settings", "Accept", js)
		stayed.get("/me?remember=" + stayed.cookie("remember"))
		stayed.get("/me", "Authorization", "Bearer "+stayed.cookie("remember"))
		stayed.get("/me", "Cookie", "sid="+stayed.cookie("remember")+"; login="+stayed.cookie("remember"))
	}
	other, third := open(), open()
	other.logIn(email, first)
	third.logIn(email, first)
	c.get("/me")
	c.get("/settings")
	now.Advance(11 * time.Minute)
	c.get("/settings")
	c.post("/auth/confirm", "password", "a wrong confirmation")
	c.post("/auth/confirm", "password", first)
	c.get("/auth/sessions")
	a := c.get("/auth/sessions", "Accept", "application/json")
	_, rest, _ := strings.Cut(a.body, `"current":false`)
	_, id, _ = strings.Cut(a.body+rest, `"id":"`)
	id, _, _ = strings.Cut(id, `"`)
	c.post("/auth/sessions/revoke", "id", id)
	c.post("/auth/sessions/revoke", "all", "others")
	c.post("/auth/password", "current", "not the current one", "password", second)
	c.post("/auth/password", "current", first, "password", "short")
	c.logIn(email, first)
	if a := c.post("/auth/password", "current", first, "password", second); a.StatusCode != c.ok(200) {
		t.Fatalf("changing the password: %s", a)
	}
	c.do("POST", "/auth/login", "application/json", `{"email":"`+email+`","password":"in a JSON that is cut off`)
	c.do("POST", "/auth/login", "text/plain", "password=in+plain+text")
	c.do("POST", "/auth/login", "application/x-www-form-urlencoded", "email=a&password=sent+twice&password=sent+twice+2")
	c.get("/me?password=in+a+query&sid=" + c.cookie("sid"))
	token := make([]byte, 32)
	rand.Read(token)
	c.get("/me", "Cookie", "sid="+base64.RawURLEncoding.EncodeToString(token)) // well-formed, and of nobody
	c.get("/me", "Authorization", "Bearer "+c.cookie("sid"))
	c.post("/auth/logout")
	c.logIn(email, second)
	now.Advance(2 * time.Hour)
	c.get("/me")
	c.logIn(email, second)
	c.post("/auth/logout")
}

// everyFlowElsewhere does the same with accounts elsewhere, and leaves logins behind
// that were begun, posted and never finished.
func everyFlowElsewhere(t *testing.T, d *demo, v *vault) {
	open := func(js bool) *client {
		c := d.client(t, js)
		c.client.Transport = v
		return c
	}
	for name, person := range map[string]string{"github": "ada", "google": "grace", "apple": "kay", "oidc": "bob"} {
		path := "/auth/oauth/" + name
		c := open(name == "github" || name == "oidc")
		c.visit(path, person)
		c.visit(path+"/confirm", person, "next", "/settings")
		c.visit(path+"/confirm", "mallory", "next", "/settings")
		c.visit("/auth/oauth/google/link", person)
		back, form := c.press(c.leave(path+"/link"), "person", "mallory")
		for _, thief := range []*client{open(true), open(false)} {
			if form != nil { // and what is posted is never fetched by whom it is for
				thief.do("POST", back, "application/x-www-form-urlencoded", form.Encode(), "Sec-Fetch-Site", "cross-site")
				continue
			}
			thief.get(back)
			thief.get(back + "&code=twice")
		}
		back, _ = c.press(c.leave(path), "cancel", "1")
		c.get(back)
		c.leave(path) // and never comes back
	}
	for _, secret := range d.site.idp.Issued() {
		v.keep(secret, "issued elsewhere")
	}
	for _, r := range d.site.idp.Requests() {
		for _, name := range []string{"state", "nonce", "code", "code_verifier"} {
			v.keep(r.Form.Get(name), name)
		}
	}
}

// walk writes all strings and bytes that v leads to.
func walk(b *bytes.Buffer, v reflect.Value, seen map[uintptr]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && !seen[v.Pointer()] {
			seen[v.Pointer()] = true
			walk(b, v.Elem(), seen)
		}
	case reflect.Interface:
		if !v.IsNil() {
			walk(b, v.Elem(), seen)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			walk(b, v.Field(i), seen)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			walk(b, it.Key(), seen)
			walk(b, it.Value(), seen)
		}
	case reflect.String:
		b.WriteString(v.String() + "\n")
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			for i := range v.Len() {
				b.WriteByte(byte(v.Index(i).Uint()))
			}
			b.WriteByte('\n')
			return
		}
		for i := range v.Len() {
			walk(b, v.Index(i), seen)
		}
	}
}
