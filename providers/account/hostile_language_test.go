package account_test

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth/mail"
)

func inGerman(set *setup) { set.mail.Translations = mail.Translations() }

// postIn is post, by somebody who reads that language.
func (b *browser) postIn(language, path, object string) reply {
	b.s.t.Helper()
	req := b.request(http.MethodPost, path, false, strings.NewReader(object), "application/json")
	req.Header.Set("Accept-Language", language)
	return b.do(req)
}

// Who registers in German is written to in German: also what is enqueued with a change, by
// whoever has no request at hand.
func TestMailInTheLanguageOfTheRequest(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		s := newSite(t, at, inGerman)
		s.browser().postIn("de-AT,en;q=0.5", "/register", `{"email":"ada@example.com","password":"correct horse battery"}`).want(t, http.StatusCreated, "")
		if m := s.mail(ada, "account.verify"); m.Language != "de" || !strings.HasPrefix(m.Subject, "Bestätigen Sie") {
			t.Errorf("in %q: %s", m.Language, m.Subject)
		}
		s.clock.Advance(2 * time.Hour)
		s.browser().postIn("de", "/login", `{"email":"ada@example.com","password":"correct horse battery"}`).want(t, http.StatusOK, "")
		if m := s.mail(ada, "notice.device.added"); m.Language != "de" || !strings.HasPrefix(m.Subject, "Neues Gerät") {
			t.Errorf("in %q: %s", m.Language, m.Subject)
		}
		// Outside of a request nobody has said.
		s.register(bob, other)
		if m := s.mail(bob, "account.verify"); m.Language != "en" {
			t.Errorf("in %q", m.Language)
		}
	})
}

var saysLinkRE = regexp.MustCompile(`(?i)\b(the|this|den|der|dem) link\b`)

// Mail without a link does not speak of one.
func TestNoMailSpeaksOfALinkThatIsNotThere(t *testing.T) {
	for _, language := range []string{"en", "de"} {
		var all []mail.Message
		s := newSite(t, inGerman, func(set *setup) {
			set.mail.Language = func(context.Context, string) string { return language }
		})
		s.register(ada, good)
		s.browser().logIn(ada, good).moves(neu) // from an address that was claimed only
		s.mailed(ada, "notice.email.changed")
		all = append(all, s.mails(ada)...)
		s.verified(bob, other)
		s.browser().logIn(bob, other).moves(neu2)
		s.browser().post("/email/undo", "token", s.token(s.mailed(bob, "account.undo"))).want(t, http.StatusOK, "")
		s.mailed(neu2, "notice.email.reverted")
		all = append(all, s.mails(neu2)...)
		for _, m := range all {
			if m.Language != language {
				t.Errorf("%s is in %s", m.ID, m.Language)
			}
			if m.Data["link"] == "" && saysLinkRE.MatchString(m.Text) {
				t.Errorf("%s in %s:\n%s", m.ID, m.Language, m.Text)
			}
		}
	}
}
