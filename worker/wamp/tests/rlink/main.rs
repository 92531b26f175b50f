//! Links between routers: several realms in one test, with clients and links that are cut and made again.

mod mirrored;
mod simulation;
mod world;
