package oauth

import (
	"reflect"
	"strings"

	"github.com/markbates/goth"
)

// gothTraits is what was read in the source of one of goth's providers (v1.82.0).
type gothTraits struct {
	title    string
	protocol gothProtocol
	// bypassed are the requests that do not come by the client it is given.
	bypassed gothBypass
	// exchange: its token requests bypass the client, and are made here.
	exchange bool
	// pkce: a challenge can be sent, and the verifier with the code.
	pkce bool
	// email says what is known of an address, nil for nothing. trust is the same in
	// words.
	email func(a Account) EmailStatus
	trust string
	// noEmail: its address is made up.
	noEmail bool
	// subject replaces goth's user ID, or is nil.
	subject func(user goth.User) string
	// authURL is where the browser is sent, if that cannot be told without asking.
	authURL string
	// refused says why it cannot be used, and what can.
	refused string
}

type gothProtocol string

const (
	protoOAuth2  gothProtocol = "OAuth 2.0"
	protoOAuth1  gothProtocol = "OAuth 1.0a"
	protoOpenID2 gothProtocol = "OpenID 2.0"
	protoOwn     gothProtocol = "its own" // alike, and not by golang.org/x/oauth2
)

type gothBypass string

const (
	bypassesNothing gothBypass = ""
	bypassesAll     gothBypass = "all"
)

// gothPackages is where goth's providers are. Traits go by the package of the
// provider's type: a name could be anybody's.
const gothPackages = "github.com/markbates/goth/providers/"

// traitsOf returns the traits of a provider, if it is one of goth's.
func traitsOf(p goth.Provider) (gothTraits, bool) {
	t := reflect.TypeOf(p)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name, ok := strings.CutPrefix(t.PkgPath(), gothPackages)
	if !ok {
		return gothTraits{}, false
	}
	traits, ok := gothCatalogue[name]
	return traits, ok
}

// plain is a provider by golang.org/x/oauth2 that uses its client for everything,
// and whose word about an address is not taken.
func plain(title string) gothTraits {
	return gothTraits{title: title, protocol: protoOAuth2, pkce: true}
}

// trusted is a plain one that says whether it has made sure of the address.
func trusted(title, trust string, email func(Account) EmailStatus) gothTraits {
	t := plain(title)
	t.email, t.trust = email, trust
	return t
}

// exchanged is t, whose token requests are made here.
func exchanged(t gothTraits) gothTraits {
	t.exchange = true
	return t
}

// bypassing is a provider that uses its client for nothing.
func bypassing(title string, protocol gothProtocol) gothTraits {
	return gothTraits{title: title, protocol: protocol, bypassed: bypassesAll}
}

// own is a provider that trades its code in a way of its own, by the client.
func own(title string) gothTraits { return gothTraits{title: title, protocol: protoOwn} }

func refused(title string, protocol gothProtocol, why string) gothTraits {
	return gothTraits{title: title, protocol: protocol, refused: why}
}

// gothCatalogue has every package below goth's providers.
var gothCatalogue = map[string]gothTraits{
	"amazon":          plain("Amazon"),
	"apple":           refused("Apple", protoOAuth2, "use oauth.Apple"),
	"auth0":           exchanged(plain("Auth0")),
	"azuread":         refused("Azure AD", protoOAuth2, "it identifies by the principal name, which can change and be given to somebody else: use azureadv2, or oauth.OIDC with the tenant's issuer"),
	"azureadv2":       plain("Microsoft"),
	"battlenet":       plain("Battle.net"),
	"bitbucket":       trusted("Bitbucket", "the primary address, if it is confirmed", emailAlways),
	"bitly":           refused("Bitly", protoOAuth2, "it leaves out the user's ID: use oauth.OAuth2"),
	"box":             plain("Box"),
	"classlink":       plain("ClassLink"),
	"cloudfoundry":    plain("Cloud Foundry"),
	"cognito":         trusted("Amazon Cognito", "`email_verified`, which is a string there", emailFlagOrString("EmailVerified")),
	"dailymotion":     exchanged(plain("Dailymotion")),
	"deezer":          plain("Deezer"),
	"digitalocean":    trusted("DigitalOcean", "`account.email_verified`", emailFlag("account", "email_verified")),
	"discord":         exchanged(trusted("Discord", "`verified`", emailFlag("verified"))),
	"dropbox":         plain("Dropbox"),
	"eveonline":       plain("EVE Online"),
	"facebook":        plain("Facebook"),
	"faux":            refused("faux", protoOwn, "it is for goth's own tests: use package oauthtest"),
	"fitbit":          exchanged(plain("Fitbit")),
	"gitea":           plain("Gitea"),
	"github":          plain("GitHub"),
	"gitlab":          plain("GitLab"),
	"google":          trusted("Google", "`verified_email`", emailFlag("verified_email")),
	"gplus":           plain("Google+"),
	"heroku":          plain("Heroku"),
	"hubspot":         plain("HubSpot"),
	"influxcloud":     plain("InfluxCloud"),
	"instagram":       plain("Instagram"),
	"intercom":        exchanged(plain("Intercom")),
	"kakao":           plain("Kakao"),
	"lark":            own("Lark"),
	"lastfm":          refused("Last.fm", protoOwn, "it has no state, and speaks without TLS"),
	"line":            plain("LINE"),
	"linkedin":        plain("LinkedIn"),
	"mailru":          bypassing("Mail.ru", protoOAuth2),
	"mastodon":        plain("Mastodon"),
	"meetup":          plain("Meetup"),
	"microsoftonline": plain("Microsoft"),
	"naver":           plain("Naver"),
	"nextcloud":       plain("Nextcloud"),
	"okta":            plain("Okta"),
	"onedrive":        refused("OneDrive", protoOAuth2, "it identifies by the e-mail address: use microsoftonline"),
	"openidConnect":   refused("OpenID Connect", protoOAuth2, "it verifies no signature: use oauth.OIDC"),
	"oura":            exchanged(plain("Oura")),
	"patreon":         plain("Patreon"),
	"paypal":          plain("PayPal"),
	"reddit":          bypassing("Reddit", protoOAuth2),
	"salesforce":      plain("Salesforce"),
	"seatalk":         bypassing("SeaTalk", protoOAuth2),
	"shopify":         refused("Shopify", protoOAuth2, "it reads signed parameters of the callback's address that no flow passes on: use oauth.OAuth2"),
	"slack":           slack(),
	"soundcloud":      plain("SoundCloud"),
	"spotify":         plain("Spotify"),
	"steam":           refused("Steam", protoOpenID2, "OpenID 2.0 is not spoken here, as it has neither state nor code"),
	"strava":          plain("Strava"),
	"stripe":          plain("Stripe"),
	"tiktok":          own("TikTok"),
	"tumblr":          refused("Tumblr", protoOAuth1, "it leaves out the user's ID"),
	"twitch":          plain("Twitch"),
	"twitter":         twitter("X (Twitter)"),
	"twitterv2":       twitter("X (Twitter)"),
	"typetalk":        plain("Typetalk"),
	"uber":            plain("Uber"),
	"vk":              plain("VK"),
	"wechat":          wechat(),
	"wecom":           own("WeCom"),
	"wepay":           plain("WePay"),
	"xero":            refused("Xero", protoOAuth1, "it identifies the organisation and not the user: use oauth.OIDC with https://identity.xero.com"),
	"yahoo":           plain("Yahoo"),
	"yammer":          yammer(),
	"yandex":          exchanged(plain("Yandex")),
	"zoom":            plain("Zoom"),
}

// slack identifies by team and user: Slack says of a user's ID that it is unique
// within its team.
func slack() gothTraits {
	t := plain("Slack")
	t.subject = func(user goth.User) string {
		team, _ := user.RawData["team_id"].(string)
		if team == "" || user.UserID == "" {
			return ""
		}
		return team + "/" + user.UserID
	}
	return t
}

func twitter(title string) gothTraits {
	t := bypassing(title, protoOAuth1)
	t.authURL = "https://api.twitter.com/"
	return t
}

// wechat makes up an address at wechat.com.
func wechat() gothTraits {
	t := bypassing("WeChat", protoOwn)
	t.noEmail = true
	return t
}

// yammer trades its code in a form as the others do.
func yammer() gothTraits {
	t := own("Yammer")
	t.pkce = true
	return t
}
