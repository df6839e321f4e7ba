// Package smtpmail sends mail by SMTP: it is a Mailer for package auth/mail, with go-mail
// underneath.
//
// Start with [New]. A DSN says where the server is and how to reach it:
//
//	smtp://user:password@mail.example.com        port 587, STARTTLS is required
//	smtps://user:password@mail.example.com       port 465, TLS from the start
//	smtp://localhost:25                          with [Options.InsecurePlaintext], on loopback only
//
// User and password are percent-encoded, and left out where the server wants none. The
// server's certificate has to be good for the host, and nothing is sent before it was
// checked; there is no way to fall back to plain text.
//
//	smtp, err := smtpmail.New(dsn, &smtpmail.Options{From: "The App <no-reply@app.example>"})
//	post := mail.New("https://app.example", db.Outbox(), smtp, nil)
//
// Every message has a connection of its own: there is none to go stale or to wait for, and
// a site sends few. Where more than some hundred mails a second are wanted, put a relay on
// the same machine.
//
// # What is final
//
// What the server refuses with 5xx for a recipient, or for a message, is refused for good,
// and wraps mail.ErrRefused, such as "550 5.1.1 no such user". Everything else is tried
// again by whoever sends: a server that is not there, 4xx, and what says nothing of the
// recipient, which are a login that fails, a sender that is not taken (5.1.7 and 5.1.8
// too), a quota that is used up (5.4.5), what is wrong with the server (5.3.x, but for
// 5.3.4, too big), and reasons of policy (530, and 5.7.x, such as "550 5.7.1 relaying
// denied"): those are mended by whoever runs the server.
//
// A message is sent twice if the connection breaks after the server has taken it and before
// its answer has arrived; both have one Message-ID.
package smtpmail
