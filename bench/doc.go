// Package bench measures what Gatehouse costs, beside scs, which does the same
// work, and a floor, which is what the work costs without a library.
//
// Start with the command in cmd/table, which prints the table of
// docs/performance.md and says which gates hold. [Sites] are what is compared in
// memory, those of a [Backend] what is compared on a database or server, and [Check]
// makes sure before anything is timed that they do the work. Package load puts a
// site of several processes under load and checks its answers.
package bench
