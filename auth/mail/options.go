package mail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Options are what a host may choose. The zero value of every field means the default in
// its comment.
type Options struct {
	// Site is what the site calls itself in mail. Default: the host of the base URL.
	Site string

	// Every is how often the worker looks for what is due, and at least how long it
	// waits after an outage of the outbox: a millisecond to an hour. Default 2 seconds;
	// what this process itself enqueues is looked for at once.
	Every time.Duration

	// Texts replaces texts by id, see [Texts]. Values are plain text; {words} in braces
	// are filled in from the data of the message.
	Texts map[string]string

	// Translations are the texts in other languages, by the language's tag (BCP 47),
	// such as "de" or "pt-BR". A text that is missing is that of Texts, or else the
	// default. "html.lang" is the tag; "html.dir" is "rtl" for languages that are
	// written so, if it is not among the texts. [Translations] has those that are built
	// in. Default: one language, that of Texts and the defaults.
	Translations map[string]map[string]string

	// Language returns the tag of the language that the user has chosen, or "". It is
	// called in the background, for mail to somebody who has an account. Default, and for
	// "": the language of the request that asked for the mail.
	Language func(ctx context.Context, userID string) string

	// Templates replaces templates by the name of the file: "message.html" and
	// "message.txt" what is in every message, "layout.html" and "layout.txt" what is
	// around it, and "account.verify.html" and "account.verify.txt" what is in the
	// message of that id only. Copy one of the package's own to start from; its dot is a
	// [View]. Only files that end in ".html" and ".txt" at the root are read, the latter
	// by text/template. Default: none.
	Templates fs.FS

	// Location is the time zone in which times are said, by name. Default: UTC.
	Location *time.Location

	// Logger gets what fails. Default [slog.Default].
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	d.Texts, d.Translations = maps.Clone(d.Texts), maps.Clone(d.Translations)
	if d.Every == 0 {
		d.Every = 2 * time.Second
	}
	if d.Location == nil {
		d.Location = time.UTC
	}
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	return d
}

func (o *Options) check() (errs []error) {
	if o.Every < time.Millisecond || o.Every > time.Hour {
		errs = append(errs, fmt.Errorf("mail: Options.Every is %v: make it 1ms to 1h", o.Every))
	}
	if o.Site != "" && oneLine(o.Site) != o.Site {
		errs = append(errs, fmt.Errorf("mail: Options.Site is %q: make it one line", o.Site))
	}
	return errs
}

// checkBase returns the host of a base URL, which is an origin: links must lead to this
// site and nowhere else, and by TLS wherever somebody else could listen.
func checkBase(base string) (host string, err error) {
	u, err := url.Parse(base)
	switch {
	case err != nil:
		return "", errors.New("mail: the base URL is none: want one such as \"https://app.example\"")
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "", u.Opaque != "":
		return "", fmt.Errorf("mail: the base URL is %q: want one such as \"https://app.example\"", u.Redacted())
	case u.User != nil, base != u.Scheme+"://"+u.Host:
		return "", fmt.Errorf("mail: the base URL is %q: want a scheme and a host only, without user, path, query and slash at the end", u.Redacted())
	case !plainHost(u):
		return "", fmt.Errorf("mail: the base URL is %q: make its host a name in ASCII (xn--… for others) or an address, with a port of 1 to 65535 if any", base)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "", fmt.Errorf("mail: the base URL is %q: make it https; http is for localhost only", u.Redacted())
	}
	return u.Hostname(), nil
}

// hostRE is a name that links and Message-IDs can have: mail servers take no other.
var hostRE = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?$`)

func plainHost(u *url.URL) bool {
	ip, err := netip.ParseAddr(u.Hostname())
	if !hostRE.MatchString(u.Hostname()) && (err != nil || ip.Zone() != "") {
		return false
	}
	port, err := strconv.Atoi(u.Port())
	return err == nil && port >= 1 && port <= 65535 || u.Port() == "" && !strings.HasSuffix(u.Host, ":")
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
