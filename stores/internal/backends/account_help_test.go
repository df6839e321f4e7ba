package backends_test

import (
	"net/url"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/providers/account"
	"github.com/gatehouse-go/gatehouse/providers/maillink"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// Letters are the mail of a site, which its processes share.
type letters struct {
	box     mail.Box
	waiting outbox.Store
	post    *mail.Courier // of the process that was opened last
	ours    *mail.Courier // of the one that does not die
}

func newLetters() *letters { return &letters{waiting: memory.NewOutbox()} }

// with gives a site accounts to look after.
func (l *letters) with(opts account.Options) func(c *config) {
	return func(c *config) {
		l.post = mail.New(authtest.Origin, l.waiting, &l.box, nil)
		opts.Logger = c.Logger
		opts.PerAddress, opts.PerNetwork = c.Limits.Account, c.Limits.Network
		c.providers = append(c.providers, l.post, account.New(l.post, &opts))
	}
}

// withLinks gives a site links to log in by as well. It comes after with.
func (l *letters) withLinks(c *config) {
	c.providers = append(c.providers, maillink.New(l.post, &maillink.Options{Logger: c.Logger, PerAddress: c.Limits.Account, PerNetwork: c.Limits.Network}))
}

// newest sends what is due and returns the newest mail of that ID to the address.
func (l *letters) newest(t testing.TB, by *mail.Courier, to, id string) mail.Message {
	t.Helper()
	if err := by.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := l.sent(to, id)
	if len(all) == 0 {
		t.Fatalf("no mail %q to %s", id, to)
	}
	return all[0]
}

// sent returns the mail of that ID that was sent to the address, newest first.
func (l *letters) sent(to, id string) (all []mail.Message) {
	for _, m := range l.box.Messages() {
		if m.To == to && m.ID == id {
			all = append(all, m)
		}
	}
	return all
}

// tokenIn is the one in the link of a mail.
func tokenIn(t testing.TB, m mail.Message) string {
	t.Helper()
	u, err := url.Parse(m.Data["link"])
	if err != nil || u.Query().Get("token") == "" {
		t.Fatalf("no token in %q: %v", m.Data["link"], err)
	}
	return u.Query().Get("token")
}

// verified makes the address of a user a verified one.
func (s *site) verified(address string) {
	s.t.Helper()
	old, err := s.m.Store().LoadCredential(s.t.Context(), "email", address)
	s.must(err)
	c := old
	c.VerifiedAt = s.m.Now()
	if old.VerifiedAt.IsZero() {
		s.must(s.m.Store().ChangeCredentials(s.t.Context(), change(old, c)))
	}
}
