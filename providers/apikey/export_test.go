package apikey

// Reseal returns text with its checksum put right, for keys that are wrong in
// nothing but the secret.
func Reseal(text string) string {
	body := text[:len(text)-sumLength]
	sum := checksum(body)
	return body + string(sum[:])
}
