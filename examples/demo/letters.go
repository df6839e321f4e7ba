package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/providers/account"
	"github.com/gatehouse-go/gatehouse/providers/maillink"
)

// letters is what the demo has to do with mail.
type letters struct {
	providers []auth.Provider
	post      *mail.Courier
	box       *mail.Box // what was sent
}

// newLetters sets up what sends mail, from a site at origin.
func newLetters(c config, kept kept, origin string, logger *slog.Logger) (letters, error) {
	l := letters{box: &mail.Box{}}
	mailer, err := newMailer(c.smtp, l.box)
	if err != nil {
		return l, err
	}
	l.post = mail.New(origin, kept.outbox, mailer, &mail.Options{Site: "Gatehouse demo", Translations: translations(mail.Translations(), mail.PseudoRTL()), Logger: logger})
	accounts := account.New(l.post, &account.Options{
		RequireVerification: c.verify == "required",
		CloseAfter:          c.closeAfter,
		Activity:            kept.audit,
		Export:              kept.export,
		Logger:              logger,
	})
	l.providers = []auth.Provider{l.post, accounts, maillink.New(l.post, &maillink.Options{Logger: logger})}
	return l, nil
}

// translations are the languages of the demo beside English. That from right to left
// is for trying out; a site for people would have none of it.
func translations(real map[string]map[string]string, pseudo map[string]string) map[string]map[string]string {
	all := maps.Clone(real)
	all["ar-XB"] = pseudo
	return all
}

// export returns what the demo itself has of a user, for what they take along.
func (k kept) export(ctx context.Context, userID string) (any, error) {
	posts, err := k.posts.List(ctx, policy.Equal("owner", userID), "", 10_000)
	return map[string]any{"posts": posts}, err
}

// A letter is a mail as /dev/mail shows it.
type letter struct {
	To      string   `json:"to"`
	Subject string   `json:"subject"`
	Text    string   `json:"text"`
	HTML    string   `json:"html"`
	Links   []string `json:"links"`
	date    time.Time
}

// Date is for the template.
func (l letter) Date() time.Time { return l.date }

// A mailPage is what the page with the mail shows.
type mailPage struct {
	asker
	Letters []letter
}

// devMail shows the mail to everybody: nobody reads that of others at a site that is not
// a demo. What waits is sent first, so that whoever has just asked for mail finds it.
func (s *site) devMail(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := s.letters.post.Flush(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		s.logger.Warn("demo: sending what waits", "error", err)
	}
	list := []letter{}
	for _, m := range s.letters.box.Messages() {
		list = append(list, letter{m.To, m.Subject, m.Text, m.HTML, append([]string{}, m.Links()...), m.Date})
	}
	w.Header().Add("Vary", "Accept")
	if wantsPage(r) {
		s.manager.Render(w, r, &auth.Page{Name: "mail", Data: mailPage{s.asks(r), list}})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(list); err != nil {
		s.logger.Warn("demo: answering /dev/mail", "error", err)
	}
}
