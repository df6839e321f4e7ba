package oauth

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

const (
	metadataFresh   = 24 * time.Hour     // how long metadata is used without asking again
	metadataKept    = 7 * 24 * time.Hour // and how long if nobody answers
	maxMetadataSize = 256 << 10
)

// metadata is what an issuer says of itself (OpenID Connect Discovery 1.0, section
// 3), as far as it matters here.
type metadata struct {
	authorization string
	token         string
	userinfo      string // or ""
	revocation    string // or ""
	style         oauth2.AuthStyle
	s256          bool // it says that it checks challenges of PKCE
	signs         bool // it says that it puts its name into answers (RFC 9207)
	jwks          string
	algs          []string
	verifier      *idTokenVerifier
}

// discover asks the issuer for its metadata.
func (b *oidcBackend) discover(ctx context.Context, client *http.Client) (*metadata, time.Duration, error) {
	at := strings.TrimSuffix(b.iss, "/") + "/.well-known/openid-configuration"
	body, _, err := getJSON(ctx, client, at, maxMetadataSize)
	if err != nil {
		return nil, 0, fmt.Errorf("the metadata: %w", err)
	}
	md, err := b.readMetadata(body)
	if err != nil {
		return nil, 0, fmt.Errorf("the metadata: %w", err)
	}
	if old, ok := b.metadata.peek(); ok && old.jwks == md.jwks && slices.Equal(old.algs, md.algs) {
		md.verifier = old.verifier // and the keys that it knows
	} else {
		md.verifier = newIDTokenVerifier(md.jwks, md.algs...)
	}
	return md, metadataFresh, nil
}

// readMetadata refuses what is not from the issuer or cannot be used with it.
func (b *oidcBackend) readMetadata(body []byte) (*metadata, error) {
	said, err := strictObject(body)
	if err != nil {
		return nil, wrap(errBadAnswer, err.Error())
	}
	if iss, _ := said["issuer"].(string); iss != b.iss {
		if strings.TrimSuffix(iss, "/") == strings.TrimSuffix(b.iss, "/") {
			return nil, wrap(errBadAnswer, "the issuer is not the configured one: the slash at the end makes the difference")
		}
		return nil, wrap(errBadAnswer, "the issuer is not the configured one")
	}
	md := &metadata{}
	for _, e := range []struct {
		name     string
		to       *string
		required bool
	}{
		{"authorization_endpoint", &md.authorization, true},
		{"token_endpoint", &md.token, true},
		{"jwks_uri", &md.jwks, true},
		{"userinfo_endpoint", &md.userinfo, false},
		{"revocation_endpoint", &md.revocation, false},
	} {
		v, there := said[e.name]
		if !there && !e.required {
			continue
		}
		s, _ := v.(string)
		if !endpointURL(s, b.opts.InsecureHTTP) {
			return nil, wrap(errBadAnswer, words(e.name)+" is no https address")
		}
		*e.to = s
	}
	lists := map[string][]string{
		"response_types_supported":              {"code"},
		"id_token_signing_alg_values_supported": {"RS256"},
		"token_endpoint_auth_methods_supported": {"client_secret_basic"},
		"code_challenge_methods_supported":      nil,
	}
	for name := range lists {
		v, there := said[name]
		if !there {
			continue // the value above is what the specification says that means
		}
		if lists[name], err = stringList(v); err != nil {
			return nil, wrap(errBadAnswer, words(name)+" is no list of strings")
		}
	}
	if !slices.Contains(lists["response_types_supported"], "code") {
		return nil, wrap(errBadAnswer, "there is no authorization code flow")
	}
	for _, alg := range lists["id_token_signing_alg_values_supported"] {
		if slices.Contains(signingAlgs, alg) {
			md.algs = append(md.algs, alg)
		}
	}
	if len(md.algs) == 0 {
		return nil, wrap(errBadAnswer, "ID tokens are signed with no algorithm that is taken here")
	}
	if md.style, err = b.authStyle(lists["token_endpoint_auth_methods_supported"]); err != nil {
		return nil, err
	}
	md.s256 = slices.Contains(lists["code_challenge_methods_supported"], "S256")
	md.signs = said["authorization_response_iss_parameter_supported"] == true
	return md, nil
}

// authStyle returns how the client says who it is. Trying one after the other would
// send the code twice, and the secret to where it does not belong.
func (b *oidcBackend) authStyle(methods []string) (oauth2.AuthStyle, error) {
	switch {
	case b.secret == nil:
		return oauth2.AuthStyleInParams, nil
	case slices.Contains(methods, "client_secret_basic"):
		return oauth2.AuthStyleInHeader, nil
	case slices.Contains(methods, "client_secret_post"):
		return oauth2.AuthStyleInParams, nil
	default:
		return 0, wrap(errBadAnswer, "clients can authenticate by neither client_secret_basic nor client_secret_post")
	}
}

// words spells the name of a member so that it is in logs: describe would take it
// for a token.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

func stringList(v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, errJSON
	}
	var strs []string
	for _, v := range list {
		s, ok := v.(string)
		if !ok {
			return nil, errJSON
		}
		strs = append(strs, s)
	}
	return strs, nil
}

// endpointURL reports whether s is an absolute https URL; with insecureHTTP it can
// also be an http URL on the loopback interface.
func endpointURL(s string, insecureHTTP bool) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.User != nil || u.Opaque != "" || strings.Contains(s, "#") {
		return false
	}
	return u.Scheme == "https" || insecureHTTP && u.Scheme == "http" && loopbackName(u.Hostname())
}

// getJSON returns what is at url, of max bytes at most.
func getJSON(ctx context.Context, client *http.Client, url string, max int64) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, outcome(err)
	}
	req.Header.Set("Accept", "application/json")
	return doJSON(client, req, max)
}

// doJSON sends req and returns the answer, which must be a 200 of max bytes at most.
func doJSON(client *http.Client, req *http.Request, max int64) ([]byte, http.Header, error) {
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, outcome(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		kind := errBadAnswer
		if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests {
			kind = errUnavailable
		}
		return nil, nil, fmt.Errorf("%w: status %d", kind, resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, max+1))
	if err != nil {
		return nil, nil, outcome(err)
	}
	if int64(len(body)) > max {
		return nil, nil, fmt.Errorf("%w: more than %d bytes", errBadAnswer, max)
	}
	return body, resp.Header, nil
}
