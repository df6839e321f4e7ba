package auth

// InRealm lets the suites of authtest see the store of a realm.
var InRealm = inRealm
