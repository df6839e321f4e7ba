// Package decisiontable is the policy of one small site as a table: who may do what to
// which object. Every authorizer with an engine answers it, over real logins: see
// [Run]. Tests only.
//
// The site has posts, some of them in the tenants acme and globex, and the roles admin,
// editor and viewer, each of which includes the next. An owner may read, edit and
// delete what is theirs, wherever it is. To give roles away and to end sessions an
// admin has to have proved within ten minutes that it is them.
package decisiontable
