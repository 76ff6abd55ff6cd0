//! Every gradient op against differences of its forward op, in f64, with streams that are not rounded and buckets that are
//! given; and the rule for streams that are: the gradient is that of the unrounded program at the rounded values.

mod attention;
mod differences;
mod layers;
mod rounding;
