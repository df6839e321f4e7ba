package decisiontable

// What is said to who asks.
type answer string

const (
	yes     answer = "200"
	no      answer = "403 forbidden"
	logIn   answer = "401 unauthenticated"
	confirm answer = "401 not_fresh"
)

// Who asks has a state behind the user ID: nothing, they have just logged in;
// "/tired", an hour ago; "/key SCOPE,SCOPE", by an API key that is limited to these;
// "/disabled", disabled since they logged in; "/half", a factor is still owed. "" is
// nobody.

// A row is one decision. The object is that post, "" for none; the tenant is where
// the question is asked, "" for a site that does not say.
type row struct {
	who, action, post, tenant string
	want                      answer
}

var rows = []row{
	// Nobody may do anything, what is nobody's included.
	{"", "posts:list", "", "", logIn},
	{"", "posts:create", "", "", logIn},
	{"", "posts:read", "1", "", logIn},
	{"", "posts:read", "4", "", logIn},
	{"", "posts:edit", "4", "acme", logIn},
	{"", "posts:delete", "4", "", logIn},
	{"", "admin:view", "", "", logIn},
	{"", "admin:roles", "", "", logIn},
	{"", "nothing:known", "", "", logIn},

	// Whoever is logged in may write and see the list.
	{"olga", "posts:list", "", "", yes},
	{"olga", "posts:create", "", "", yes},
	{"olga", "posts:list", "", "acme", yes},
	{"vi", "posts:create", "", "", yes},
	{"ursa", "posts:create", "", "", yes},
	{"eve", "posts:list", "", "globex", yes},

	// Owners.
	{"olga", "posts:read", "1", "", yes},
	{"olga", "posts:edit", "1", "", yes},
	{"olga", "posts:delete", "1", "", yes},
	{"olga", "posts:read", "2", "", yes},
	{"olga", "posts:delete", "2", "acme", yes},
	{"olga", "posts:read", "2", "globex", no}, // another tenant's
	{"olga", "posts:read", "3", "", no},
	{"olga", "posts:edit", "4", "", no},
	{"olga", "posts:edit", "", "", no}, // of no post
	{"olga", "admin:view", "", "", no},
	{"admin", "posts:edit", "5", "", yes},
	{`o"m\al`, "posts:delete", "6", "", yes},
	{`o"m\al`, "posts:delete", "4", "", no},

	// Names are not roles, tenants or other users.
	{"admin", "admin:view", "", "", no},
	{"admin", "posts:read", "1", "", no},
	{"acme", "posts:read", "2", "", no},
	{"acme", "posts:read", "4", "acme", no},
	{`User::"ada"`, "admin:view", "", "", no},
	{`User::"ada"`, "posts:read", "1", "", no},
	{"ursa", "posts:read", "1", "", no},
	{"ursa", "admin:view", "", "", no},

	// Viewers.
	{"vi", "posts:read", "1", "", yes},
	{"vi", "posts:read", "2", "", yes},
	{"vi", "posts:read", "4", "acme", yes},
	{"vi", "posts:edit", "1", "", no},
	{"vi", "posts:delete", "1", "", no},
	{"vi", "admin:view", "", "", no},
	{"vic", "posts:read", "3", "", yes},
	{"vic", "posts:read", "3", "globex", yes},
	{"vic", "posts:read", "3", "acme", no},
	{"vic", "posts:read", "2", "", no},
	{"vic", "posts:read", "1", "", no},
	{"vic", "posts:edit", "3", "", no},

	// Editors.
	{"ed", "posts:read", "1", "", yes},
	{"ed", "posts:edit", "1", "", yes},
	{"ed", "posts:edit", "3", "globex", yes},
	{"ed", "posts:delete", "1", "", no},
	{"ed", "admin:view", "", "", no},
	{"ed", "admin:roles", "", "", no},
	{"eve", "posts:edit", "2", "", yes},
	{"eve", "posts:edit", "4", "acme", yes},
	{"eve", "posts:edit", "1", "", no},
	{"eve", "posts:delete", "2", "", no},
	{"eve", "posts:delete", "3", "", yes}, // her own, elsewhere
	{"eve", "posts:delete", "3", "acme", no},
	{"otto", "posts:read", "1", "", yes},
	{"otto", "posts:edit", "1", "", yes},
	{"otto", "posts:delete", "1", "", no},
	{"otto", "posts:edit", "2", "", no},
	{"otto", "posts:edit", "", "", no},

	// Admins.
	{"ada", "posts:read", "3", "", yes},
	{"ada", "posts:edit", "6", "", yes},
	{"ada", "posts:delete", "4", "", yes},
	{"ada", "posts:delete", "2", "acme", yes},
	{"ada", "posts:delete", "2", "globex", no},
	{"ada", "admin:view", "", "", yes},
	{"ada", "admin:view", "", "acme", yes},
	{"ada", "admin:roles", "", "", yes},
	{"ada", "admin:sessions", "", "", yes},
	{"adam", "admin:view", "", "acme", yes},
	{"adam", "admin:view", "", "", no},
	{"adam", "admin:view", "", "globex", no},
	{"adam", "admin:roles", "", "acme", yes},
	{"adam", "posts:delete", "4", "", yes},
	{"adam", "posts:delete", "3", "", no},
	{"adam", "posts:read", "1", "", no},

	// What is not in the table is denied, to admins too.
	{"ada", "", "", "", no},
	{"ada", "*", "", "", no},
	{"ada", "posts:*", "1", "", no},
	{"ada", "posts", "1", "", no},
	{"ada", "posts:read:more", "1", "", no},
	{"ada", "Posts:Read", "1", "", no},
	{"ada", "posts:read ", "1", "", no},
	{"ada", "posts:publish", "1", "", no},
	{"ada", "nothing:known", "", "", no},
	{"olga", "posts:publish", "1", "", no},

	// An old proof.
	{"ada/tired", "admin:view", "", "", yes},
	{"ada/tired", "posts:delete", "4", "", yes},
	{"ada/tired", "admin:roles", "", "", confirm},
	{"ada/tired", "admin:sessions", "", "", confirm},
	{"adam/tired", "admin:roles", "", "acme", confirm},
	{"adam/tired", "admin:roles", "", "", no}, // to confirm would not help
	{"vi/tired", "admin:roles", "", "", no},
	{"olga/tired", "posts:edit", "1", "", yes},

	// Keys do what they are limited to, and no more than their user.
	{"ada/key posts:read", "posts:read", "1", "", yes},
	{"ada/key posts:read", "posts:edit", "1", "", no},
	{"ada/key posts:read", "admin:view", "", "", no},
	{"ada/key posts:*", "posts:delete", "4", "", yes},
	{"ada/key posts:*", "admin:view", "", "", no},
	{"ada/key *", "admin:view", "", "", yes},
	{"ada/key *", "admin:roles", "", "", no}, // a key is never fresh, and cannot confirm
	{"vi/key posts:delete", "posts:delete", "1", "", no},
	{"vi/key *", "posts:edit", "1", "", no},
	{"olga/key posts:edit", "posts:edit", "1", "", yes},
	{"olga/key ", "posts:list", "", "", no},

	// Disabled while logged in, and logged in by half.
	{"dora/disabled", "admin:view", "", "", logIn},
	{"dora/disabled", "posts:list", "", "", logIn},
	{"dora/disabled", "posts:read", "1", "", logIn},
	{"hal/half", "admin:view", "", "", logIn},
	{"hal/half", "posts:list", "", "", logIn},
	{"hal/half", "posts:read", "1", "", logIn},
}
