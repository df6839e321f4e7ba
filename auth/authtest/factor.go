package authtest

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/http"
	"slices"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/form"
)

// Code is the only code that a [Factor] accepts.
const Code = "000000"

// A Factor is a second factor for tests: a provider named "code" with a page at
// GET /code and a form that posts the field code to it. It is owed by users who
// have a credential of kind "code", see [CodeCredential], or by all. It protects
// nothing; all else about it is as in a real one.
//
// A Factor belongs to one [auth.Manager].
type Factor struct {
	// Always makes everybody owe it.
	Always bool

	m *auth.Manager
}

// CodeCredential returns what makes a user owe a [Factor].
func CodeCredential(userID string) auth.Credential {
	return auth.Credential{Kind: "code", Key: userID, UserID: userID, Label: "Code", Generation: 1}
}

// Name returns "code".
func (f *Factor) Name() string { return "code" }

// Kinds returns the kind "code", a second factor.
func (f *Factor) Kinds() []auth.Kind {
	return []auth.Kind{{Name: "code", Role: auth.SecondFactor}}
}

// Mount adds GET and POST /code.
func (f *Factor) Mount(m *auth.Manager, mux auth.Mux) error {
	f.m = m
	mux.Handle("GET /code", http.HandlerFunc(f.get))
	mux.Handle("POST /code", http.HandlerFunc(f.post))
	return nil
}

// Owed reports whether u has the factor and has not proved it.
func (f *Factor) Owed(ctx context.Context, u auth.User, proofs []auth.Proof) (bool, error) {
	if slices.ContainsFunc(proofs, func(p auth.Proof) bool { return p.Method == f.Name() }) {
		return false, nil
	}
	if f.Always {
		return true, nil
	}
	held, err := f.m.Store().UserCredentials(ctx, u.AuthID(), "code")
	return len(held) > 0, err
}

func (f *Factor) page(next string) *auth.Page {
	return &auth.Page{Name: "code", Next: next, Forms: []auth.Form{{
		Name: "code", Action: "/code", Submit: "Go on",
		Fields: []auth.Field{{Name: "code", Label: "Code", Type: "text", Autocomplete: "one-time-code", MaxLength: len(Code)}},
	}}}
}

func (f *Factor) get(w http.ResponseWriter, r *http.Request) {
	if _, _, err := f.m.Pending(r); err != nil {
		f.m.Refuse(w, r, err)
		return
	}
	f.m.Answer(w, r, f.page(r.URL.Query().Get("next")), nil)
}

func (f *Factor) post(w http.ResponseWriter, r *http.Request) {
	code, next, err := parse(w, r)
	if err != nil {
		f.m.Answer(w, r, f.page(next), err)
		return
	}
	userID, _, err := f.m.Pending(r)
	if err != nil {
		f.m.Refuse(w, r, err)
		return
	}
	attempt, err := f.m.Attempt(r, f.Name(), userID, userID)
	if err != nil {
		f.m.Answer(w, r, f.page(next), err)
		return
	}
	if subtle.ConstantTimeCompare([]byte(code), []byte(Code)) != 1 {
		f.m.Emit(r, auth.Event{Name: "login.failed", UserID: userID, Method: f.Name(), Reason: "wrong code"})
		f.m.Answer(w, r, f.page(next), &auth.Problem{
			Status: http.StatusUnauthorized, Code: "bad_credentials", Field: "code", Detail: "This code is not right.", Err: auth.ErrBadCredentials,
		})
		return
	}
	proof, err := f.proof(r.Context(), userID)
	if err == nil {
		err = f.m.LogIn(w, r, userID, proof)
	}
	if err == nil {
		attempt.Succeeded(w, r, userID)
	}
	f.m.Finish(w, r, err, next)
}

// proof returns the proof by the user's credential, or by none if everybody owes
// the factor.
func (f *Factor) proof(ctx context.Context, userID string) (auth.Proof, error) {
	p := auth.Proof{Method: f.Name(), At: f.m.Now()}
	held, err := f.m.Store().UserCredentials(ctx, userID, "code")
	if err != nil {
		return p, err
	}
	if len(held) > 0 {
		p.Kind, p.Key, p.Generation = held[0].Kind, held[0].Key, held[0].Generation
	} else if !f.Always {
		return p, fmt.Errorf("%w: the user has no code any more", auth.ErrBadCredentials)
	}
	return p, nil
}

// parse reads the body, a form or JSON.
func parse(w http.ResponseWriter, r *http.Request) (code, next string, err error) {
	sent, err := form.Parse(w, r, "code", "next")
	code, next = sent.Get("code"), sent.Get("next")
	if err == nil && code == "" {
		err = &auth.Problem{Status: http.StatusUnprocessableEntity, Code: "invalid_field", Field: "code", Detail: "Enter the code."}
	}
	return code, next, err
}
