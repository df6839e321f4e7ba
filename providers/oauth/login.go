package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/identifier"
	"golang.org/x/oauth2"
)

// creator is what a UserLoader has that can create users.
type creator interface {
	CreateUser(ctx context.Context, p auth.Profile) (id string, err error)
}

// logIn logs in whose the account is, or creates whose it will be.
func (p *Provider) logIn(w http.ResponseWriter, r *http.Request, c *Connector, t transaction, a Account, token *oauth2.Token) {
	l, isNew, err := p.find(r.Context(), c, a, token)
	if err != nil { // what LogIn refuses it tells of itself
		p.failed(r, c, t, "", err)
	} else {
		var opts []auth.LoginOption
		if t.Remember {
			opts = append(opts, auth.Remember())
		}
		proof := p.proofOf(l)
		if !a.AuthTime.IsZero() && a.AuthTime.Before(proof.At) {
			proof.At = a.AuthTime // it was then that they proved it; today they may not have been asked
		}
		if err = p.m.LogIn(w, r, l.UserID, proof, opts...); err == nil {
			p.m.KnowBrowser(w, r)
		}
	}
	var owed *auth.OwedError
	if err == nil || errors.As(err, &owed) {
		if !isNew {
			p.renew(r.Context(), c, l, a, token)
		}
		p.m.Finish(w, r, err, t.Next)
		return
	}
	p.tell(w, r, t, err)
}

// admitAccount asks the host whether the account may be used here at all.
func (p *Provider) admitAccount(r *http.Request, c *Connector, a Account) error {
	if !c.letIn(a) {
		return problem(http.StatusForbidden, "domain_refused", "This account cannot be used here.", errors.New("oauth: the account is of none of the Domains that are let in"))
	}
	if p.opts.Admit == nil {
		return nil
	}
	err := p.opts.Admit(r.Context(), c.opts.Name, a)
	if p := (*auth.Problem)(nil); err != nil && !errors.As(err, &p) && errors.Is(err, auth.ErrForbidden) {
		return problem(http.StatusForbidden, "forbidden", "This account cannot be used here.", err)
	}
	return err
}

// find returns the link of the account, which it may make, and whether it has. An
// account is found by its connector and subject, and by nothing else. What becomes of
// one that nobody has linked depends on its address, as docs/oauth.md has it in a
// table.
func (p *Provider) find(ctx context.Context, c *Connector, a Account, token *oauth2.Token) (l auth.Credential, isNew bool, err error) {
	if l, err = p.held(ctx, c, a); !errors.Is(err, auth.ErrNotFound) {
		return l, false, err
	}
	if key, err := identifier.Email(a.Email); err == nil {
		named, err := p.m.Store().LoadCredential(ctx, "email", key)
		if err == nil && !named.ExpiresAt.IsZero() && !p.m.Now().Before(named.ExpiresAt) {
			err = auth.ErrNotFound // it was kept for somebody, and is free again
		}
		if err == nil {
			// Whose it is may be who has just come by this account, in another window.
			if l, again := p.held(ctx, c, a); !errors.Is(again, auth.ErrNotFound) {
				return l, false, again
			}
		}
		switch {
		case err == nil && p.opts.AutoLink && a.EmailStatus == EmailVerified && c.authoritative(a) && !named.VerifiedAt.IsZero():
			if err := p.addressIsEnough(ctx, named.UserID); err != nil {
				return l, false, err
			}
			// With the address, unchanged: it must still be theirs.
			l, err = p.attach(ctx, c, named.UserID, a, token, auth.Change{Old: &named, New: &named})
			if errors.Is(err, auth.ErrExists) || errors.Is(err, auth.ErrConflict) { // somebody was quicker, perhaps with this account
				if made, failed := p.held(ctx, c, a); failed == nil {
					return made, false, nil
				}
			}
			return l, true, err
		case err == nil && (p.tellsAddresses() || a.EmailStatus == EmailVerified):
			return l, false, accountExists(nil)
		case err == nil: // an address that was made up finds out no more than registering does
		case !errors.Is(err, auth.ErrNotFound):
			return l, false, err
		}
	}
	l, err = p.create(ctx, c, a, token)
	return l, true, err
}

// tellsAddresses reports whether registering says who has an address: where users are
// created, and nobody verifies their addresses first.
func (p *Provider) tellsAddresses() bool {
	_, later := p.m.Registrar()
	return p.canCreate && !later
}

// addressIsEnough refuses to link by an address alone to a user who may not log in,
// or who owes more than a first factor: half a login changes nothing.
func (p *Provider) addressIsEnough(ctx context.Context, userID string) error {
	_, err := p.m.Identify(ctx, userID)
	var owed []string
	if err == nil {
		owed, err = p.m.FactorsOwed(ctx, userID)
	}
	switch {
	case err == nil && len(owed) > 0:
		return accountExists(errors.New("oauth: AutoLink: the user owes a second factor"))
	case errors.Is(err, auth.ErrNotFound), errors.Is(err, auth.ErrBadCredentials):
		return accountExists(err)
	}
	return err
}

// held returns the link of the account. [auth.ErrNotFound].
func (p *Provider) held(ctx context.Context, c *Connector, a Account) (auth.Credential, error) {
	l, err := p.m.Store().LoadCredential(ctx, c.kind, a.Subject)
	if err != nil {
		return auth.Credential{}, err
	}
	rec, err := decodeRecord(l.Data)
	if err == nil && rec.Issuer != a.Issuer {
		// The same subject is somebody else there.
		err = fmt.Errorf("oauth: connector %q: a link is of issuer %q, and the account of %q: give a connector to another issuer another name", c.opts.Name, rec.Issuer, a.Issuer)
	}
	if err != nil {
		return auth.Credential{}, err
	}
	return l, nil
}

// create creates a user for the account.
func (p *Provider) create(ctx context.Context, c *Connector, a Account, token *oauth2.Token) (auth.Credential, error) {
	if !p.canCreate {
		return auth.Credential{}, problem(http.StatusForbidden, "not_registered", "Nobody here has linked this account. Log in another way, and link it.",
			errors.New("oauth: nobody has linked the account, and no users are created"))
	}
	newUser := p.opts.NewUser
	if newUser == nil {
		newUser = profileOf
	}
	profile, err := newUser(ctx, c.opts.Name, a)
	if err != nil {
		return auth.Credential{}, err
	}
	proved := ""
	if key, err := identifier.Email(profile.Email); err == nil {
		own, err := identifier.Email(a.Email)
		switch theirs := err == nil && own == key; {
		case theirs && a.EmailStatus == EmailVerified:
			proved = key
		case theirs && !p.tellsAddresses():
			profile.Email = "" // who has it is not told, and nobody has an address before it is verified
		}
	}
	var made auth.Credential
	var failed error
	_, err = p.m.CreateUser(ctx, profile, func(userID string) []auth.Credential {
		if made, failed = p.newLink(c, userID, a, token); failed != nil {
			return []auth.Credential{{}} // which nothing is created with
		}
		all := []auth.Credential{made}
		if proved != "" {
			all = append(all, auth.Credential{Kind: "email", Key: proved, VerifiedAt: p.m.Now()})
		}
		return all
	})
	switch {
	case failed != nil:
		return auth.Credential{}, failed
	case errors.Is(err, auth.ErrExists):
		// Somebody was quicker: with this account, or with its address.
		l, missing := p.held(ctx, c, a)
		if !errors.Is(missing, auth.ErrNotFound) {
			return l, missing
		}
		if key, invalid := identifier.Email(profile.Email); invalid == nil {
			if _, free := p.m.Store().LoadCredential(ctx, "email", key); free == nil {
				return l, accountExists(err)
			}
		}
		return l, problem(http.StatusConflict, "taken", "The name of this account is taken here already.", err)
	case errors.Is(err, auth.ErrInvalid):
		return auth.Credential{}, problem(http.StatusUnprocessableEntity, "oauth_failed", "This account cannot be used here.", err)
	}
	return made, err
}

func accountExists(cause error) error {
	return problem(http.StatusConflict, "account_exists", "There is an account here with your address. Log in to it, and link this one there.", cause)
}

// maxName bounds names, in characters.
const maxName = 100

// profileOf is the default of [Options.NewUser].
func profileOf(_ context.Context, _ string, a Account) (auth.Profile, error) {
	profile := auth.Profile{Name: forPeople(a.Name)}
	if profile.Name == "" {
		profile.Name = forPeople(a.Username)
	}
	if _, err := identifier.Email(a.Email); err == nil && a.EmailStatus == EmailVerified {
		profile.Email = a.Email
	}
	return profile, nil
}

// forPeople returns a name as it may be shown: one line, of bounded length.
func forPeople(s string) string {
	if !utf8.ValidString(s) {
		return ""
	}
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, s))
	if r := []rune(s); len(r) > maxName {
		s = strings.TrimSpace(string(r[:maxName]))
	}
	return s
}
