package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth/mail"
	smtpmail "github.com/gatehouse-go/gatehouse/contrib/mail"
)

// newMailer returns what shows mail in box, and sends it first by the server that -smtp
// names, if it names one. No error repeats a password.
func newMailer(server string, box *mail.Box) (mail.Mailer, error) {
	if server == "" {
		return box, nil
	}
	opts := &smtpmail.Options{From: "Gatehouse demo <no-reply@demo.example>"}
	if u, err := url.Parse(server); err == nil && u.Scheme == "smtp" && slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname()) {
		opts.InsecurePlaintext = true // what catches mail in development has no certificate
	}
	smtp, err := smtpmail.New(server, opts)
	if err != nil {
		return nil, fmt.Errorf("-smtp: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return shown{smtp, box}, nil
}

// shown shows what was sent.
type shown struct {
	mail.Mailer
	box *mail.Box
}

func (s shown) Send(ctx context.Context, m *mail.Message) error {
	if err := s.Mailer.Send(ctx, m); err != nil {
		return err
	}
	return s.box.Send(ctx, m)
}
