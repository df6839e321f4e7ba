package oauth

// OnEveryStore is for the tests that see no more of the package than hosts do.
var OnEveryStore = onEveryStore
