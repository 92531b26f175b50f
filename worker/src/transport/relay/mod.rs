mod pipes;
mod pump;
