package oauthtest

// A Service is one of the identity providers that a [Server] speaks as.
type Service string

// The services of a [Server].
const (
	// OIDC is an OpenID provider of the Server's own, at its URL.
	OIDC Service = "oidc"
	// GitHub is github.com and api.github.com.
	GitHub Service = "github"
	// Google is accounts.google.com and what belongs to it.
	Google Service = "google"
	// Apple is appleid.apple.com.
	Apple Service = "apple"
	// Twitter is api.twitter.com, with OAuth 1.0a.
	Twitter Service = "twitter"
)

func services() []Service { return []Service{OIDC, GitHub, Google, Apple, Twitter} }

// An Endpoint names what a request is for: in a [Script], and in what a
// [Server] recorded.
type Endpoint string

// The endpoints of all services.
const (
	OIDCDiscovery Endpoint = "oidc/discovery" // GET /.well-known/openid-configuration
	OIDCAuthorize Endpoint = "oidc/authorize" // GET and POST /authorize
	OIDCToken     Endpoint = "oidc/token"     // POST /token
	OIDCKeys      Endpoint = "oidc/keys"      // GET /keys
	OIDCUserInfo  Endpoint = "oidc/userinfo"  // GET and POST /userinfo
	OIDCRevoke    Endpoint = "oidc/revoke"    // POST /revoke

	GitHubAuthorize Endpoint = "github/authorize" // github.com/login/oauth/authorize
	GitHubToken     Endpoint = "github/token"     // github.com/login/oauth/access_token
	GitHubUser      Endpoint = "github/user"      // api.github.com/user
	GitHubEmails    Endpoint = "github/emails"    // api.github.com/user/emails

	GoogleDiscovery Endpoint = "google/discovery" // accounts.google.com/.well-known/openid-configuration
	GoogleAuthorize Endpoint = "google/authorize" // accounts.google.com/o/oauth2/auth, …/v2/auth
	GoogleToken     Endpoint = "google/token"     // oauth2.googleapis.com/token
	GoogleKeys      Endpoint = "google/keys"      // www.googleapis.com/oauth2/v3/certs
	GoogleUserInfo  Endpoint = "google/userinfo"  // www.googleapis.com/oauth2/v2/userinfo and its newer names
	GoogleRevoke    Endpoint = "google/revoke"    // oauth2.googleapis.com/revoke

	AppleDiscovery Endpoint = "apple/discovery" // appleid.apple.com/.well-known/openid-configuration
	AppleAuthorize Endpoint = "apple/authorize" // appleid.apple.com/auth/authorize
	AppleToken     Endpoint = "apple/token"     // appleid.apple.com/auth/token
	AppleKeys      Endpoint = "apple/keys"      // appleid.apple.com/auth/keys
	AppleRevoke    Endpoint = "apple/revoke"    // appleid.apple.com/auth/revoke

	TwitterRequestToken Endpoint = "twitter/request_token" // api.twitter.com/oauth/request_token
	TwitterAuthorize    Endpoint = "twitter/authorize"     // api.twitter.com/oauth/authorize, /oauth/authenticate
	TwitterToken        Endpoint = "twitter/token"         // api.twitter.com/oauth/access_token
	TwitterUser         Endpoint = "twitter/user"          // api.twitter.com/1.1/account/verify_credentials.json

	// Every stands for all of them in [Script.Handle].
	Every Endpoint = "*"
	// Unknown is a path that no service has. It is answered 404.
	Unknown Endpoint = "unknown"
	// Elsewhere is another host, asked for through [Server.RoundTrip]. The
	// request is refused and recorded: what it carried would have leaked.
	Elsewhere Endpoint = "elsewhere"
)

const (
	hostGitHub    = "github.com"
	hostGitHubAPI = "api.github.com"
	hostGoogle    = "accounts.google.com"
	hostGoogleTok = "oauth2.googleapis.com"
	hostGoogleAPI = "www.googleapis.com"
	hostGoogleOID = "openidconnect.googleapis.com"
	hostApple     = "appleid.apple.com"
	hostTwitter   = "api.twitter.com"
)

// imitated reports whether host is one that the Server answers for. Its paths
// are below "/host/" on the Server itself.
func imitated(host string) bool {
	switch host {
	case hostGitHub, hostGitHubAPI, hostGoogle, hostGoogleTok, hostGoogleAPI, hostGoogleOID, hostApple, hostTwitter:
		return true
	}
	return false
}
