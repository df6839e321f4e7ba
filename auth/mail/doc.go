// Package mail sends what providers have to tell users: links, codes and notices.
//
// Start with [New], which makes a [Courier] of where mail waits, who sends it, and where
// the site is. The Courier is a provider like any other, and others are given it:
//
//	post := mail.New("https://app.example", db.Outbox(), smtp, nil)
//	auth.Options{Providers: []auth.Provider{post, password.New(nil), account.New(post, nil)}}
//
// A request only enqueues, the same for everybody, with [Courier.Post]; what waits is
// worked off in the background by [auth.Manager.Run]. Several processes may run it. A
// provider that enqueues in a change's transaction, and whose mail has a ticket of that
// user's in it, does so with [Courier.Hold].
//
// # What becomes of an entry
//
// Whoever works it off claims it for 5 minutes and has one minute to be done. Its
// [Composer] looks the account up, makes the token and says what to send; the mail is
// rendered and given to the [Mailer]; the entry is removed. In between the process may
// die at any point: the entry is then claimed again when the 5 minutes are over, and the
// Composer makes a new token in place of the old. Only if the process died after the
// server had taken the mail, and before the entry was removed, is a mail sent twice, and
// then both have one Message-ID.
//
// What fails is done again after 30 seconds, then 1 minute, and so on, doubled each time,
// at most 1 hour later. A mail that the server has not taken 79 times, with an error or by
// not answering within the minute, is given up; that is after 3 days at the earliest. One
// that it refuses for good ([ErrRefused]) is given up at once. Both are logged, and told
// as the events "mail.given_up" and "mail.refused"; Reason begins with the ID of the text,
// such as "account.forgot". What the server had no part in counts for nothing: that the
// worker had to stop, or that the Composer failed, or that nobody handles the kind. An
// entry for which there is never a mail is not given up: it stays, and every attempt is
// logged.
//
// Ten entries are worked off at a time, so that one which is slow or fails stops no other.
//
// # Texts
//
// The texts are those of [Texts], in English; [Translations] has other languages, for
// [Options.Translations]. What is around them are templates, see [Options.Templates].
package mail
