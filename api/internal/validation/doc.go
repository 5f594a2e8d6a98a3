// Package validation reads what a request holds (its JSON body, the parameters of its query) and
// says what is wrong with it in the words of FastAPI: a list of faults {type, loc, msg, input}.
//
// It is as lenient as the models of DiracX, which are Pydantic's: "5" is a number where one is
// wanted, 1 is true, and seconds since 1970 are a time. [Decode] parses JSON as Python does. A
// [Reader] then reads one value after another and collects the faults, so that a client hears of
// all of them at once.
package validation
