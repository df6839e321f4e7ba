package form_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/internal/form"
)

const (
	urlencoded = "application/x-www-form-urlencoded"
	jsonType   = "application/json"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, contentType, body string
		status                  int // 0: accepted
		field                   string
		email                   string
		remember                bool
	}{
		{name: "form", contentType: urlencoded, body: "email=a%40b&remember=on&x=1", email: "a@b", remember: true},
		{name: "form in UTF-8", contentType: urlencoded + "; charset=UTF-8", body: "email=%C3%BC", email: "ü"},
		{name: "JSON", contentType: jsonType, body: `{"email":"a@b","remember":true,"x":[1]}`, email: "a@b", remember: true},
		{name: "JSON null is absent", contentType: jsonType, body: `{"email":null}`},
		{name: "empty form", contentType: urlencoded},
		{name: "nothing at all"},
		{name: "spaces are kept", contentType: urlencoded, body: "email=+a+", email: " a "},
		{name: "field twice", contentType: urlencoded, body: "email=a&email=b", status: 400, field: "email"},
		{name: "member twice", contentType: jsonType, body: `{"email":"a","email":"b"}`, status: 400, field: "email"},
		{name: "member twice, once null", contentType: jsonType, body: `{"email":null,"email":"b"}`, status: 400, field: "email"},
		{name: "bad escape", contentType: urlencoded, body: "email=%zz", status: 400},
		{name: "semicolon", contentType: urlencoded, body: "email=a;b=c", status: 400},
		{name: "half a JSON", contentType: jsonType, body: `{"email":"a"`, status: 400},
		{name: "JSON array", contentType: jsonType, body: `["email"]`, status: 400},
		{name: "two JSON values", contentType: jsonType, body: `{"email":"a"}{}`, status: 400},
		{name: "number", contentType: jsonType, body: `{"email":0}`, status: 422, field: "email"},
		{name: "array", contentType: jsonType, body: `{"email":[]}`, status: 422, field: "email"},
		{name: "object", contentType: jsonType, body: `{"email":{}}`, status: 422, field: "email"},
		{name: "form that is not UTF-8", contentType: urlencoded, body: "email=%ff", status: 422, field: "email"},
		{name: "JSON that is not UTF-8", contentType: jsonType, body: "{\"email\":\"\xff\"}", status: 400},
		{name: "plain text", contentType: "text/plain", body: `{"email":"a"}`, status: 415},
		{name: "no type", body: "email=a", status: 415},
		{name: "multipart", contentType: "multipart/form-data; boundary=x", body: "--x--", status: 415},
		{name: "other charset", contentType: jsonType + "; charset=utf-16", body: "{}", status: 415},
		{name: "too large", contentType: urlencoded, body: "email=" + strings.Repeat("a", 70_000), status: 413},
		{name: "too many fields", contentType: urlencoded, body: strings.Repeat("a=1&", 200), status: 400},
		{name: "deep JSON", contentType: jsonType, body: `{"x":` + strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000) + `}`, status: 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/?email=query", strings.NewReader(tt.body))
			if tt.contentType != "" {
				r.Header.Set("Content-Type", tt.contentType)
			}
			v, err := form.Parse(httptest.NewRecorder(), r, "email", "remember")
			if tt.status != 0 {
				var e *form.Error
				if !errors.As(err, &e) || e.Status != tt.status || e.Field != tt.field {
					t.Fatalf("got %v, %+v; want status %d, field %q", v, err, tt.status, tt.field)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := v.Get("email"); got != tt.email {
				t.Errorf("email = %q; want %q", got, tt.email)
			}
			if got := v.Bool("remember"); got != tt.remember {
				t.Errorf("remember = %v; want %v", got, tt.remember)
			}
		})
	}
}

func TestParseFields(t *testing.T) {
	for _, tt := range []struct {
		name, contentType, body string
		want                    string // "days|scopes", or "!field" for a refusal
	}{
		{"form", urlencoded, "days=30&scopes=a", "30|a"},
		{"form, list", urlencoded, "scopes=a&scopes=b&days=", "|a b"},
		{"form, words", urlencoded, "scopes=a+b", "|a b"},
		{"form, list of words", urlencoded, "scopes=a+b&scopes=c", "!scopes"},
		{"form, list with nothing in it", urlencoded, "scopes=a&scopes=", "!scopes"},
		{"form, number twice", urlencoded, "days=1&days=1", "!days"},
		{"JSON", jsonType, `{"days": 30, "scopes": ["a", "b"]}`, "30|a b"},
		{"JSON, texts", jsonType, `{"days": "30", "scopes": "a b"}`, "30|a b"},
		{"JSON, as written", jsonType, `{"days": -1.50e3}`, "-1.50e3|"},
		{"JSON, nothing", jsonType, `{"days": null, "scopes": []}`, "|"},
		{"JSON, spaces", jsonType, `{"scopes": ["a b"]}`, "!scopes"},
		{"JSON, empty", jsonType, `{"scopes": ["a", ""]}`, "!scopes"},
		{"JSON, null in it", jsonType, `{"scopes": ["a", null]}`, "!scopes"},
		{"JSON, a list of numbers", jsonType, `{"scopes": [1]}`, "!scopes"},
		{"JSON, a list of lists", jsonType, `{"scopes": [["a"]]}`, "!scopes"},
		{"JSON, a number for a list", jsonType, `{"scopes": 1}`, "!scopes"},
		{"JSON, a list for a number", jsonType, `{"days": ["1"]}`, "!days"},
		{"JSON, an object", jsonType, `{"days": {}}`, "!days"},
		{"JSON, a list twice", jsonType, `{"scopes": ["a"], "scopes": ["b"]}`, "!scopes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/", strings.NewReader(tt.body))
			r.Header.Set("Content-Type", tt.contentType)
			v, err := form.ParseFields(httptest.NewRecorder(), r, form.Field{Name: "days", Kind: form.Number}, form.Field{Name: "scopes", Kind: form.List})
			got := v.Get("days") + "|" + v.Get("scopes")
			var e *form.Error
			if errors.As(err, &e) {
				got = "!" + e.Field
			}
			if got != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(urlencoded, "email=a&remember=1")
	f.Add(jsonType, `{"email":"a","remember":true}`)
	f.Fuzz(func(t *testing.T, contentType, body string) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		v, err := form.Parse(httptest.NewRecorder(), r, "email", "remember")
		var e *form.Error
		if err != nil && (!errors.As(err, &e) || e.Status < 400 || e.Status > 422) {
			t.Fatalf("unexpected error %v", err)
		}
		for name := range v {
			if name != "email" && name != "remember" {
				t.Fatalf("field %q was not asked for", name)
			}
		}
	})
}
