// Package surface holds the tests of what others see of the project: how many
// names package auth exports, and that everything exported, in every package,
// says what it does and shows how it is used. It has no code.
package surface
