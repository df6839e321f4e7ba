package oauth

import (
	"context"
	"fmt"
	"maps"
	"mime"
	"net/http"
)

const maxUserinfoSize = 256 << 10

// userinfo returns the claims that the UserInfo endpoint has of subject (OpenID
// Connect Core 1.0, section 5.3).
func userinfo(ctx context.Context, client *http.Client, url, accessToken string, subject any) (map[string]any, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, outcome(err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+accessToken)
	body, header, err := doJSON(client, req, maxUserinfoSize)
	if err != nil {
		return nil, outcome(fmt.Errorf("userinfo: %w", err), accessToken)
	}
	if media, _, err := mime.ParseMediaType(header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, wrap(errBadAnswer, "userinfo is no application/json")
	}
	claims, err := strictObject(body)
	if err != nil {
		return nil, wrap(errBadAnswer, "userinfo is "+err.Error())
	}
	// Who may be somebody else's access token's (section 5.3.2).
	if claims["sub"] != subject {
		return nil, wrap(errBadAnswer, "userinfo is of another subject")
	}
	return plainNumbers(claims).(map[string]any), nil
}

// aboutTokens are the claims that say something of an ID token, and nothing of a
// user.
var aboutTokens = []string{"iss", "aud", "exp", "iat", "nbf", "nonce", "azp", "at_hash", "c_hash", "auth_time", "acr", "amr", "jti", "sid"}

// addUnsigned adds to the claims of an ID token those that userinfo has besides. What
// was signed stays. Whether an address is verified counts only together with that
// address.
func addUnsigned(claims, more map[string]any) {
	more = maps.Clone(more)
	for _, name := range aboutTokens {
		delete(more, name)
	}
	if _, signed := claims["email"]; signed {
		delete(more, "email_verified")
		delete(more, "xms_edov")
	} else if _, there := more["email"]; there {
		delete(claims, "email_verified")
		delete(claims, "xms_edov")
	}
	for name, v := range more {
		if _, signed := claims[name]; !signed {
			claims[name] = v
		}
	}
}
