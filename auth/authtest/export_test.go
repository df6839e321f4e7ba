package authtest

// TestAbilities is TestStore without the suites of its parts.
var TestAbilities = testAbilities
