package jdl

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/klauspost/compress/zlib"
)

// maxText is how long a decompressed JDL may be, in bytes. It bounds the memory that a small
// hostile text can take.
const maxText = 64 << 20

// compressors are reused: each has tables of almost a megabyte.
var compressors = sync.Pool{New: func() any { return zlib.NewWriter(io.Discard) }}

// Compress returns a JDL in the form in which DIRAC's databases keep it: zlib, then base64.
func Compress(text string) string {
	var b bytes.Buffer
	encoder := base64.NewEncoder(base64.StdEncoding, &b)
	w := compressors.Get().(*zlib.Writer) //nolint:forcetypeassert // nothing else is put there
	defer compressors.Put(w)
	w.Reset(encoder)
	// A bytes.Buffer takes everything, so none of these can fail.
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	_ = encoder.Close()
	return b.String()
}

// Decompress reads what [Compress] or DIRAC wrote. A text that begins with "[" was stored before
// DIRAC compressed, and is returned as it is. Anything else that isn't compressed UTF-8 of up to 64
// MiB is an error, beside which comes what can be read of it.
func Decompress(stored string) (string, error) {
	if strings.HasPrefix(stored, "[") {
		return stored, nil
	}
	r, err := zlib.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(stored)))
	if err != nil {
		return "", fmt.Errorf("decompress a JDL: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(r, maxText+1))
	readable := strings.ToValidUTF8(string(text[:min(len(text), maxText)]), "\uFFFD")
	switch {
	case err != nil:
		return readable, fmt.Errorf("decompress a JDL: %w", err)
	case len(text) > maxText:
		return readable, errors.New("decompress a JDL: it is longer than 64 MiB")
	case !utf8.Valid(text):
		return readable, errors.New("decompress a JDL: it is not UTF-8")
	}
	return readable, nil
}
