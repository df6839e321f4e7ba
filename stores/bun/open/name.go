package open

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// A serverName is the name of a database on a server. Its errors repeat
// nothing of it but the names of parameters.
type serverName struct {
	scheme         string
	user, password string
	hosts          string // as they were written; PostgreSQL may have several
	path           string
	params         []string // as they were written, without ours
	conns          int
}

// parseServer parses what comes after the scheme and its colon. It is stricter
// than drivers are: a password with a "/", "?" or "#" in it would be taken for
// something else, and shown.
func parseServer(scheme, rest string) (*serverName, error) {
	after, ok := strings.CutPrefix(rest, "//")
	if !ok {
		return nil, fmt.Errorf(`want "%s://user:password@host:port/database"`, scheme)
	}
	if strings.Contains(after, "#") {
		return nil, errors.New(`"#" in the name of the database; write it as %23`)
	}
	n := &serverName{scheme: scheme, conns: poolConns}
	after, query, _ := strings.Cut(after, "?")
	authority, path, _ := strings.Cut(after, "/")

	var errs []error
	var err error
	at := strings.LastIndexByte(authority, '@')
	n.hosts = authority[at+1:]
	if at >= 0 {
		user, password, _ := strings.Cut(authority[:at], ":")
		if n.user, err = url.PathUnescape(user); err != nil {
			errs = append(errs, errors.New(`malformed user; write "%" as %25`))
		}
		if n.password, err = url.PathUnescape(password); err != nil {
			errs = append(errs, errors.New(`malformed password; write "%" as %25`))
		}
	}
	for host := range strings.SplitSeq(n.hosts, ",") {
		if !validHost(host) {
			errs = append(errs, errors.New(`malformed host or port; in the password, write "/" as %2f, "?" as %3f, "#" as %23 and "%" as %25`))
			break
		}
	}
	if n.path, err = url.PathUnescape(path); err != nil || strings.ContainsAny(n.path, "/@") {
		errs = append(errs, errors.New(`malformed name after the host; in the password, write "/" as %2f`))
	}
	for p := range strings.SplitSeq(query, "&") {
		key, value, found := strings.Cut(p, "=")
		name, kerr := url.QueryUnescape(key)
		value, verr := url.QueryUnescape(value)
		switch {
		case p == "":
		case !found || kerr != nil || verr != nil:
			errs = append(errs, errors.New(`malformed parameters: want name=value, with "%" as %25`))
		case name == "pool_max_conns":
			if n.conns, err = strconv.Atoi(value); err != nil || n.conns < 1 {
				errs = append(errs, errors.New("pool_max_conns: want a number of connections, 1 or more"))
			}
		default:
			n.params = append(n.params, p)
		}
	}
	return n, errors.Join(errs...)
}

// validHost reports whether host is one, with or without a port, or nothing.
func validHost(host string) bool {
	if host == "" {
		return true
	}
	u, err := url.Parse("x://" + host)
	return err == nil && u.Host == host && !strings.ContainsAny(host, " %@") &&
		(strings.Count(host, ":") < 2 || host[0] == '[')
}

// has reports whether the name has a value for one of the parameters.
func (n *serverName) has(names ...string) bool {
	for _, p := range n.params {
		key, _, _ := strings.Cut(p, "=")
		for _, name := range names {
			if key == name {
				return true
			}
		}
	}
	return false
}
