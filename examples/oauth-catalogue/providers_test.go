package catalogue

import (
	"net/http"

	"github.com/gatehouse-go/gatehouse/providers/oauth"
	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/amazon"
	"github.com/markbates/goth/providers/apple"
	"github.com/markbates/goth/providers/auth0"
	"github.com/markbates/goth/providers/azuread"
	"github.com/markbates/goth/providers/azureadv2"
	"github.com/markbates/goth/providers/battlenet"
	"github.com/markbates/goth/providers/bitbucket"
	"github.com/markbates/goth/providers/bitly"
	"github.com/markbates/goth/providers/box"
	"github.com/markbates/goth/providers/classlink"
	"github.com/markbates/goth/providers/cloudfoundry"
	"github.com/markbates/goth/providers/cognito"
	"github.com/markbates/goth/providers/dailymotion"
	"github.com/markbates/goth/providers/deezer"
	"github.com/markbates/goth/providers/digitalocean"
	"github.com/markbates/goth/providers/discord"
	"github.com/markbates/goth/providers/dropbox"
	"github.com/markbates/goth/providers/eveonline"
	"github.com/markbates/goth/providers/facebook"
	"github.com/markbates/goth/providers/faux"
	"github.com/markbates/goth/providers/fitbit"
	"github.com/markbates/goth/providers/gitea"
	"github.com/markbates/goth/providers/github"
	"github.com/markbates/goth/providers/gitlab"
	"github.com/markbates/goth/providers/google"
	"github.com/markbates/goth/providers/gplus"
	"github.com/markbates/goth/providers/heroku"
	"github.com/markbates/goth/providers/hubspot"
	"github.com/markbates/goth/providers/influxcloud"
	"github.com/markbates/goth/providers/instagram"
	"github.com/markbates/goth/providers/intercom"
	"github.com/markbates/goth/providers/kakao"
	"github.com/markbates/goth/providers/lark"
	"github.com/markbates/goth/providers/lastfm"
	"github.com/markbates/goth/providers/line"
	"github.com/markbates/goth/providers/linkedin"
	"github.com/markbates/goth/providers/mailru"
	"github.com/markbates/goth/providers/mastodon"
	"github.com/markbates/goth/providers/meetup"
	"github.com/markbates/goth/providers/microsoftonline"
	"github.com/markbates/goth/providers/naver"
	"github.com/markbates/goth/providers/nextcloud"
	"github.com/markbates/goth/providers/okta"
	"github.com/markbates/goth/providers/onedrive"
	"github.com/markbates/goth/providers/openidConnect"
	"github.com/markbates/goth/providers/oura"
	"github.com/markbates/goth/providers/patreon"
	"github.com/markbates/goth/providers/paypal"
	"github.com/markbates/goth/providers/reddit"
	"github.com/markbates/goth/providers/salesforce"
	"github.com/markbates/goth/providers/seatalk"
	"github.com/markbates/goth/providers/shopify"
	"github.com/markbates/goth/providers/slack"
	"github.com/markbates/goth/providers/soundcloud"
	"github.com/markbates/goth/providers/spotify"
	"github.com/markbates/goth/providers/steam"
	"github.com/markbates/goth/providers/strava"
	"github.com/markbates/goth/providers/stripe"
	"github.com/markbates/goth/providers/tiktok"
	"github.com/markbates/goth/providers/tumblr"
	"github.com/markbates/goth/providers/twitch"
	"github.com/markbates/goth/providers/twitter"
	"github.com/markbates/goth/providers/twitterv2"
	"github.com/markbates/goth/providers/typetalk"
	"github.com/markbates/goth/providers/uber"
	"github.com/markbates/goth/providers/vk"
	"github.com/markbates/goth/providers/wechat"
	"github.com/markbates/goth/providers/wecom"
	"github.com/markbates/goth/providers/wepay"
	"github.com/markbates/goth/providers/xero"
	"github.com/markbates/goth/providers/yahoo"
	"github.com/markbates/goth/providers/yammer"
	"github.com/markbates/goth/providers/yandex"
	"github.com/markbates/goth/providers/zoom"
)

// An entry is how a connector by one of goth's providers is made, and how its
// identity provider answers. In the answers, %s is the user's ID.
type entry struct {
	connect func(opts *oauth.ConnectorOptions) *oauth.Connector
	profile string            // of every request but for the token; default stringID
	token   string            // default a token as in RFC 6749
	others  map[string]string // other answers, by path
	subject string            // default the ID
	email   string            // what is known of the address
	form    bool              // answers are forms (OAuth 1.0a)
}

const (
	stringID = `{"id":"%s","sub":"%[1]s","user_id":"%[1]s","uuid":"%[1]s","email":"ada%[1]s@example.com","name":"Ada"}`
	numberID = `{"id":%s,"user_id":%[1]s,"email":"ada%[1]s@example.com","name":"Ada"}`
)

const key, secret = "the-client-id", "the-client-secret"

// usual is for the constructors that most of them have.
func usual[P goth.Provider](new func(string, string, string, ...string) P) func(*oauth.ConnectorOptions) *oauth.Connector {
	return func(opts *oauth.ConnectorOptions) *oauth.Connector { return oauth.Goth(new, key, secret, opts) }
}

// odd is for the others.
func odd(new func(callback string) goth.Provider) func(*oauth.ConnectorOptions) *oauth.Connector {
	return func(opts *oauth.ConnectorOptions) *oauth.Connector {
		return oauth.GothFunc(func(callback string, _ *http.Client) goth.Provider { return new(callback) }, opts)
	}
}

// must is for constructors that can fail.
func must(p goth.Provider, err error) goth.Provider {
	if err != nil {
		panic(err)
	}
	return p
}

var entries = map[string]entry{
	"amazon":  {connect: usual(amazon.New)},
	"apple":   {connect: odd(func(callback string) goth.Provider { return apple.New(key, secret, callback, nil) })},
	"auth0":   {connect: odd(func(callback string) goth.Provider { return auth0.New(key, secret, callback, "tenant.auth0.example") })},
	"azuread": {connect: odd(func(callback string) goth.Provider { return azuread.New(key, secret, callback, nil) })},
	"azureadv2": {connect: odd(func(callback string) goth.Provider {
		return azureadv2.New(key, secret, callback, azureadv2.ProviderOptions{Tenant: "tenant"})
	}), profile: `{"id":"%s","mail":"ada%[1]s@example.com","displayName":"Ada"}`},
	"battlenet": {connect: usual(battlenet.New), profile: `{"id":%s,"battletag":"Ada#1"}`},
	"bitbucket": {connect: usual(bitbucket.New), email: "verified", others: map[string]string{
		"/2.0/user/emails": `{"values":[{"email":"x@example.com","is_primary":false,"is_confirmed":true},{"email":"ada%[1]s@example.com","is_primary":true,"is_confirmed":true}]}`}},
	"bitly":     {connect: usual(bitly.New)},
	"box":       {connect: usual(box.New), profile: `{"id":"%s","login":"ada%[1]s@example.com","name":"Ada"}`},
	"classlink": {connect: usual(classlink.New), profile: `{"UserId":%s,"Email":"ada%[1]s@example.com","DisplayName":"Ada"}`},
	"cloudfoundry": {connect: odd(func(callback string) goth.Provider {
		return cloudfoundry.New("https://uaa.example", key, secret, callback)
	})},
	"cognito": {connect: odd(func(callback string) goth.Provider { return cognito.New(key, secret, "https://pool.example", callback) }),
		profile: `{"sub":"%s","email":"ada%[1]s@example.com","email_verified":"true"}`, email: "verified"},
	"dailymotion":  {connect: usual(dailymotion.New)},
	"deezer":       {connect: usual(deezer.New), profile: numberID, token: `{"access_token":"%[1]s-token","token_type":"Bearer","expires":3600}`},
	"digitalocean": {connect: usual(digitalocean.New), profile: `{"account":{"uuid":"%s","email":"ada%[1]s@example.com","email_verified":true}}`, email: "verified"},
	"discord":      {connect: usual(discord.New), profile: `{"id":"%s","username":"ada","email":"ada%[1]s@example.com","verified":true}`, email: "verified"},
	"dropbox":      {connect: usual(dropbox.New), profile: `{"account_id":"%s","email":"ada%[1]s@example.com","name":{"display_name":"Ada"}}`},
	"eveonline":    {connect: usual(eveonline.New), profile: `{"CharacterID":%s,"CharacterName":"Ada"}`},
	"facebook":     {connect: usual(facebook.New)},
	"faux":         {connect: odd(func(string) goth.Provider { return &faux.Provider{} })},
	"fitbit":       {connect: usual(fitbit.New), profile: `{"user":{"fullName":"Ada"}}`},
	"gitea":        {connect: usual(gitea.New), profile: numberID},
	"github":       {connect: usual(github.New), profile: numberID},
	"gitlab":       {connect: usual(gitlab.New), profile: numberID},
	"google":       {connect: usual(google.New), profile: `{"id":"%s","email":"ada%[1]s@example.com","verified_email":true}`, email: "verified"},
	"gplus":        {connect: usual(gplus.New)},
	"heroku":       {connect: usual(heroku.New)},
	"hubspot":      {connect: usual(hubspot.New), profile: `{"user_id":%s,"user":"ada%[1]s@example.com"}`},
	"influxcloud":  {connect: usual(influxcloud.New), profile: numberID},
	"instagram":    {connect: usual(instagram.New), profile: `{"data":{"id":"%s","username":"ada"}}`},
	"intercom":     {connect: usual(intercom.New), profile: `{"id":"%s","email":"ada%[1]s@example.com","email_verified":true}`},
	"kakao":        {connect: usual(kakao.New), profile: `{"id":%s}`},
	"lark": {connect: usual(lark.New), profile: `{"code":0,"data":{"user_id":"%s","name":"Ada","enterprise_email":"ada%[1]s@example.com"}}`, token: `{"code":0,"data":{"access_token":"%s-token","refresh_token":"r","expires_in":3600}}`,
		others: map[string]string{"/open-apis/auth/v3/app_access_token/internal/": `{"code":0,"app_access_token":"app","expire":3600}`}},
	"lastfm":          {connect: odd(func(callback string) goth.Provider { return lastfm.New(key, secret, callback) })},
	"line":            {connect: usual(line.New), profile: `{"userId":"%s","displayName":"Ada"}`},
	"linkedin":        {connect: usual(linkedin.New), profile: `{"id":"%s","elements":[{"handle~":{"emailAddress":"ada%[1]s@example.com"}}]}`},
	"mailru":          {connect: usual(mailru.New)},
	"mastodon":        {connect: usual(mastodon.New), profile: `{"id":"%s"}`},
	"meetup":          {connect: usual(meetup.New), profile: `{"id":%s}`},
	"microsoftonline": {connect: usual(microsoftonline.New), profile: `{"id":"%s","mail":"ada%[1]s@example.com"}`},
	"naver":           {connect: odd(func(callback string) goth.Provider { return naver.New(key, secret, callback) }), profile: `{"message":"success","response":{"id":"%s","email":"ada%[1]s@example.com"}}`},
	"nextcloud": {connect: odd(func(callback string) goth.Provider {
		return nextcloud.NewCustomisedDNS(key, secret, callback, "https://cloud.example")
	}), profile: `{"ocs":{"data":{"id":"%s","email":"ada%[1]s@example.com"}}}`},
	"okta": {connect: odd(func(callback string) goth.Provider {
		return okta.New(key, secret, "https://org.okta.example", callback)
	})},
	"onedrive": {connect: usual(onedrive.New)},
	"openidConnect": {connect: odd(func(callback string) goth.Provider {
		return must(openidConnect.NewCustomisedURL(key, secret, callback, "https://op.example/authorize", "https://op.example/token", "https://op.example", "", ""))
	})},
	"oura":    {connect: usual(oura.New)},
	"patreon": {connect: usual(patreon.New), profile: `{"data":{"id":"%s","attributes":{"email":"ada%[1]s@example.com","created":"2020-01-01T00:00:00Z"}}}`},
	"paypal":  {connect: usual(paypal.New)},
	"reddit": {connect: odd(func(callback string) goth.Provider {
		p := reddit.New(key, secret, callback, "temporary", "https://www.reddit.com/api/v1/access_token", "https://oauth.reddit.com/api/v1/me")
		return &p
	}), profile: `{"id":"%s","name":"ada"}`},
	"salesforce": {connect: usual(salesforce.New), token: `{"access_token":"%s-token","token_type":"Bearer","id":"https://login.salesforce.com/id/00D/005"}`},
	"seatalk":    {connect: usual(seatalk.New)},
	"shopify":    {connect: usual(shopify.New)},
	"slack": {connect: usual(slack.New), others: map[string]string{"/api/auth.test": `{"ok":true,"user_id":"%s","team_id":"T1","user":"ada"}`},
		profile: `{"ok":true,"user":{"id":"%s","name":"ada","profile":{"email":"ada%[1]s@example.com"}}}`, subject: "T1/%s"},
	"soundcloud": {connect: usual(soundcloud.New), profile: `{"id":%s}`},
	"spotify":    {connect: usual(spotify.New)},
	"steam":      {connect: odd(func(callback string) goth.Provider { return steam.New(key, callback) })},
	"strava":     {connect: usual(strava.New), profile: `{"id":%s}`},
	"stripe":     {connect: usual(stripe.New), token: `{"access_token":"%s-token","token_type":"Bearer","stripe_user_id":"%[1]s"}`},
	"tiktok":     {connect: usual(tiktok.New), profile: `{"data":{"open_id":"%s","display_name":"Ada"}}`, token: `{"data":{"access_token":"%s-token","open_id":"%[1]s","expires_in":3600}}`},
	"tumblr":     {connect: odd(func(callback string) goth.Provider { return tumblr.New(key, secret, callback) })},
	"twitch":     {connect: usual(twitch.New), profile: `{"data":[{"id":"%s","login":"ada","email":"ada%[1]s@example.com"}]}`},
	"twitter": {connect: odd(func(callback string) goth.Provider { return twitter.New(key, secret, callback) }), form: true,
		profile: `{"id_str":"%s","name":"Ada","screen_name":"ada","email":"ada%[1]s@example.com","description":"","profile_image_url":"","location":""}`},
	"twitterv2": {connect: odd(func(callback string) goth.Provider { return twitterv2.New(key, secret, callback) }), form: true,
		profile: `{"data":{"id":"%s","name":"Ada","username":"ada","description":"","profile_image_url":"","location":""}}`},
	"typetalk": {connect: usual(typetalk.New), profile: `{"account":{"id":%s,"name":"ada","mailAddress":"ada%[1]s@example.com"}}`},
	"uber":     {connect: usual(uber.New)},
	"vk":       {connect: usual(vk.New), profile: `{"response":[{"id":%s,"first_name":"Ada"}]}`, token: `{"access_token":"%s-token","token_type":"Bearer","expires_in":3600,"email":"ada%[1]s@example.com"}`},
	"wechat": {connect: odd(func(callback string) goth.Provider { return wechat.New(key, secret, callback, wechat.WECHAT_LANG_EN) }),
		profile: `{"openid":"%s","nickname":"Ada"}`, token: `{"access_token":"%s-token","openid":"%[1]s","expires_in":3600}`},
	"wecom": {connect: odd(func(callback string) goth.Provider { return wecom.New(key, secret, "agent", callback) }), profile: `{"errcode":0,"userid":"%s","name":"Ada","email":"ada%[1]s@example.com"}`,
		token: `{"errcode":0,"UserId":"%s"}`, others: map[string]string{"/cgi-bin/gettoken": `{"errcode":0,"access_token":"app","expires_in":7200}`}},
	"wepay":  {connect: usual(wepay.New), profile: numberID},
	"xero":   {connect: odd(func(callback string) goth.Provider { return xero.New(key, secret, callback) })},
	"yahoo":  {connect: usual(yahoo.New)},
	"yammer": {connect: usual(yammer.New), profile: numberID, token: `{"access_token":{"token":"%s-token"},"user":{"id":1}}`},
	"yandex": {connect: usual(yandex.New), profile: `{"id":"%s","default_email":"ada%[1]s@example.com","login":"ada"}`},
	"zoom":   {connect: usual(zoom.New)},
}
