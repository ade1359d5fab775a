use einode_etf::{Encode, EncodeError, Sink, Writer};

/// The arguments of a function: a tuple, a list of terms.
///
/// ```
/// use einode::{Arguments, Term};
///
/// assert_eq!((vec![1, 2, 39], "text").count(), 2);
/// assert_eq!(().count(), 0);
/// assert_eq!([Term::from(1), Term::nil()].count(), 2);
/// ```
pub trait Arguments {
    /// How many there are.
    fn count(&self) -> usize;

    /// Writes them one after the other, as the elements of a list that is not theirs.
    ///
    /// # Errors
    /// [`EncodeError`] when one of them is no term.
    fn elements<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError>;
}

/// Arguments as the list that they are in `apply/3`.
pub(crate) struct List<'a, A: ?Sized>(pub(crate) &'a A);

impl<A: Arguments + ?Sized> Encode for List<'_, A> {
    fn encode<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
        if self.0.count() > 0 {
            writer.list(self.0.count())?;
            self.0.elements(writer)?;
        }
        writer.nil()
    }
}

impl<T: Encode> Arguments for [T] {
    fn count(&self) -> usize {
        self.len()
    }

    fn elements<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
        self.iter().try_for_each(|argument| argument.encode(writer))
    }
}

macro_rules! slices {
    ($([$($of:tt)*] $type:ty;)*) => { $(
        impl<T: Encode, $($of)*> Arguments for $type {
            fn count(&self) -> usize {
                self.len()
            }

            fn elements<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
                self.as_slice().elements(writer)
            }
        }
    )* };
}

slices! {
    [] Vec<T>;
    [const N: usize] [T; N];
}

impl<A: Arguments + ?Sized> Arguments for &A {
    fn count(&self) -> usize {
        (**self).count()
    }

    fn elements<K: Sink>(&self, writer: &mut Writer<K>) -> Result<(), EncodeError> {
        (**self).elements(writer)
    }
}

macro_rules! tuples {
    ($($arity:literal: $($name:ident)*;)*) => { $(
        impl<$($name: Encode),*> Arguments for ($($name,)*) {
            fn count(&self) -> usize {
                $arity
            }

            #[allow(non_snake_case, unused_variables, reason = "one name for a type and its value")]
            fn elements<Z: Sink>(&self, writer: &mut Writer<Z>) -> Result<(), EncodeError> {
                let ($($name,)*) = self;
                $($name.encode(writer)?;)*
                Ok(())
            }
        }
    )* };
}

tuples! {
    0: ;
    1: A;
    2: A B;
    3: A B C;
    4: A B C D;
    5: A B C D E;
    6: A B C D E F;
    7: A B C D E F G;
    8: A B C D E F G H;
    9: A B C D E F G H I;
    10: A B C D E F G H I J;
    11: A B C D E F G H I J K;
    12: A B C D E F G H I J K L;
}
