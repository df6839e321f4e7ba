package oauth

func describe(err error) string { return err.Error() }
