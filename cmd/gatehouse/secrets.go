package main

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// hidden stands for what is not shown.
const hidden = "xxxxx"

// Where a password may stand: between a name and a host, as in a URL and in the
// older spellings of the names of databases, and in a parameter.
var (
	userinfo  = regexp.MustCompile(`([^\s/:@"']*):[^\s@"']+@`)
	parameter = regexp.MustCompile(`(?i)(pass[a-z]*=)[^\s&"']+`)
)

// clean makes text that may come from anywhere fit to be shown: without the
// passwords of the databases, and without what could steer a terminal. It is the
// second guard: stores and drivers say that they show none.
func (a *app) clean(text string) string {
	for _, secret := range a.secrets {
		// A word that is gone from where everybody knows it to be would itself be
		// told.
		if len(secret) >= 16 || strings.ContainsFunc(secret, func(r rune) bool { return !unicode.IsLetter(r) }) {
			text = strings.ReplaceAll(text, secret, hidden)
		}
	}
	text = userinfo.ReplaceAllString(text, "$1:"+hidden+"@")
	text = parameter.ReplaceAllString(text, "${1}"+hidden)
	return printable(text)
}

// printable takes control characters, and those that turn the direction of
// writing, out of what people have typed somewhere.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// secretsOf returns the passwords in the name of a database, however it is
// spelled there.
func secretsOf(dsn string) []string {
	var found []string
	add := func(s string) {
		if s != "" {
			found = append(found, s, url.QueryEscape(s), url.PathEscape(s))
		}
	}
	scheme, rest, ok := strings.Cut(dsn, ":")
	if ok && (strings.HasPrefix(rest, "//") || slices.Contains([]string{"postgres", "postgresql", "mysql", "mariadb", "redis", "rediss"}, strings.TrimLeft(scheme, "-"))) {
		rest = strings.TrimPrefix(rest, "//")
		// By hand, since a name that is malformed has its password all the same.
		authority, query, _ := strings.Cut(rest, "?")
		if !strings.Contains(authority, "@") && strings.Contains(query, "@") { // the "?" is perhaps the password's
			if _, begin, ok := strings.Cut(authority, ":"); ok {
				add(begin)
			}
			authority = rest
		}
		if i := strings.LastIndexByte(authority, '@'); i >= 0 {
			if _, password, ok := strings.Cut(authority[:i], ":"); ok {
				add(password)
				if plain, err := url.PathUnescape(password); err == nil {
					add(plain)
				}
			}
		}
	}
	if _, query, ok := strings.Cut(dsn, "?"); ok {
		values, _ := url.ParseQuery(query)
		for name, vs := range values {
			if strings.Contains(strings.ToLower(name), "pass") {
				for _, v := range vs {
					add(v)
				}
			}
		}
	}
	return found
}

// shown is the name of a database as it may be shown: without user, password
// and parameters. Of one in which they cannot be told apart it is the scheme.
func shown(dsn string) string {
	scheme, rest, ok := strings.Cut(dsn, "://")
	if !ok {
		if scheme, _, _ = strings.Cut(dsn, ":"); scheme != "file" {
			return printable(scheme + ":…")
		}
		dsn, _, _ = strings.Cut(dsn, "?")
		return printable(dsn)
	}
	place, query, _ := strings.Cut(rest, "?")
	if i := strings.LastIndexByte(place, '@'); i >= 0 {
		place = place[i+1:]
	} else if scheme != "file" && strings.Contains(query, "@") {
		place = "…"
	}
	return printable(scheme + "://" + place)
}
