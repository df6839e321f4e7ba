package apikey_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/apikey"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// forms are what a key, or its secret part, could be written as.
func forms(key string) map[string]string {
	parts := strings.Split(key, "_")
	secret := parts[2][:43]
	f := map[string]string{}
	for name, text := range map[string]string{"key": key, "secret": secret, "secret with checksum": parts[2]} {
		f[name] = text
		f[name+" in hex"] = hex.EncodeToString([]byte(text))
		f[name+" in base64"] = base64.RawStdEncoding.EncodeToString([]byte(text))
		f[name+" as numbers"] = strings.Trim(fmt.Sprint([]byte(text)), "[]")
		// Without realm it could be compared with what others keep.
		sum := sha256.Sum256([]byte(text))
		f["bare digest of "+name] = string(sum[:])
		f["bare digest of "+name+" in hex"] = hex.EncodeToString(sum[:])
		f["bare digest of "+name+" in base64"] = base64.RawStdEncoding.EncodeToString(sum[:])
	}
	return f
}

// After all that can be done with a key, it is in no store, log or event, and on
// no page but the one.
func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	db, err := open.Open("file:" + filepath.Join(dir, "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, store := range map[string]auth.Store{"memory": memory.New(nil), "SQLite": db} {
		s := newSiteOn(t, store, &apikey.Options{Header: "X-API-Key"})
		c := s.client("ada")
		var pages bytes.Buffer
		keep := func(r reply) reply {
			fmt.Fprintf(&pages, "%v\n%s\n", r.Header(), r.text)
			return r
		}
		made := s.create("ada", apikey.NewKey{Name: "kept"})
		gone := c.json("/auth/keys", `{"name": "gone"}`)
		shown := c.form("/auth/keys", "name", "shown")
		_, after, _ := strings.Cut(shown.text, "<code>")
		onPage, _, _ := strings.Cut(after, "</code>")
		keys := []string{made.Secret, gone.body["key"].(string), onPage}
		for _, key := range keys {
			if got := s.status(key); got != 200 {
				t.Fatalf("%s: %q is answered %d", name, key, got)
			}
			keep(s.do(bearer(key + "x")))
			keep(s.do(bearer(key[:len(key)-1])))
			keep(s.do(request(http.MethodGet, "/fresh", "X-API-Key", key)))
			keep(s.do(request(http.MethodGet, "/auth/keys", "X-API-Key", key)))
			keep(s.do(request(http.MethodGet, "/auth/session", "X-API-Key", key)))
		}
		s.store.FailVerb("LoadCredential", fmt.Errorf("down"))
		keep(s.do(bearer(made.Secret)))
		s.store.Reset()
		s.store.FailVerb("ChangeCredentials", fmt.Errorf("down"))
		s.clock.Advance(2 * 60e9)
		keep(s.do(bearer(made.Secret)))
		s.store.Reset()
		keep(c.json("/auth/keys/rename", `{"id": "`+made.ID+`", "name": "renamed"}`))
		keep(c.json("/auth/keys/revoke", `{"id": "`+gone.body["id"].(string)+`"}`))
		keep(c.get("/auth/keys"))
		keep(c.html("/auth/keys"))
		keep(c.html("/auth/account"))

		var rows bytes.Buffer
		held, err := s.m.Store().UserCredentials(t.Context(), "ada")
		if err != nil || len(held) != 3 {
			t.Fatalf("%s: %d rows, %v", name, len(held), err)
		}
		for _, c := range held {
			fmt.Fprintf(&rows, "%+v %s\n", c, c.Data)
		}
		dumps := map[string]string{"rows": rows.String(), "log": s.log.String(), "events": fmt.Sprintf("%+v", s.events.Events()), "pages": pages.String()}
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dumps["files"] += string(b)
		}
		known := map[string]string{"rows": made.ID, "log": "key.created", "events": made.Prefix, "pages": made.Prefix, "files": "renamed"}
		for where, dump := range dumps {
			if where == "files" && name == "memory" {
				continue
			}
			if !strings.Contains(dump, known[where]) {
				t.Errorf("%s, %s: %q is not there: the test sees nothing", name, where, known[where])
			}
			for _, key := range keys {
				for form, text := range forms(key) {
					if strings.Contains(dump, text) {
						t.Errorf("%s: the %s has a %s", name, where, form)
					}
				}
			}
		}
	}
}
