package transfer

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tableDigest is a checksum of the rows of one table in a range. It is the same for
// the same rows on every engine, in whatever order they come within a job.
type tableDigest struct {
	rows int64
	hash hash.Hash
	buf  []string
}

func newTableDigest() *tableDigest { return &tableDigest{hash: sha256.New()} }

// add takes all rows of a job.
func (d *tableDigest) add(rows [][]any) {
	d.buf = d.buf[:0]
	for _, row := range rows {
		d.buf = append(d.buf, encode(row))
	}
	slices.Sort(d.buf)
	for _, row := range d.buf {
		_, _ = d.hash.Write(binary.AppendUvarint(nil, uint64(len(row)))) // a hash can't fail
		_, _ = d.hash.Write([]byte(row))
	}
	d.rows += int64(len(rows))
}

func (d *tableDigest) sum() string {
	return strconv.FormatInt(d.rows, 10) + ":" + hex.EncodeToString(d.hash.Sum(nil))
}

// encode writes a row so that no two different ones are the same.
func encode(row []any) string {
	b := make([]byte, 0, 128)
	for _, value := range row {
		switch v := value.(type) {
		case nil:
			b = append(b, 'n')
		case int64:
			b = strconv.AppendInt(append(b, 'i'), v, 10)
		case float64:
			b = strconv.AppendFloat(append(b, 'f'), v, 'f', 3, 64)
		case time.Time:
			b = strconv.AppendInt(append(b, 't'), v.UnixMicro(), 10)
		case string:
			b = append(binary.AppendUvarint(append(b, 's'), uint64(len(v))), v...)
		default: // what can't be read differs from all that can
			b = append(b, 'x')
		}
		b = append(b, ';')
	}
	return string(b)
}

// digests are those of a range, by table.
type digests map[string]*tableDigest

func (d digests) of(table string) *tableDigest {
	if d[table] == nil {
		d[table] = newTableDigest()
	}
	return d[table]
}

// sum is one checksum of all tables.
func (d digests) sum() string {
	names := make([]string, 0, len(d))
	for name, digest := range d {
		if digest.rows > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		b.WriteString(name + " " + d[name].sum() + "\n")
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}
